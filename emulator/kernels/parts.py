"""How numba compiles kernels, and what only kernels call: everything is optimised once.

Left to itself numba optimises a function that kernels call alone, makes machine code of it, and
does both again in each function that it is inlined into, on every level of calls. Here the code of
a part is handed on as it is: LLVM inlines and optimises it once, in the kernel.

A kernel, too, numba optimises three times: before what it calls is linked to it, in whole to bring
counts of references together, and in whole when these are pruned. A kernel counts none.
"""

from __future__ import annotations

from typing import Any

from numba import _dynfunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


class _Library(JITCodeLibrary):
    """Code that is linked into that of callers, and runs nowhere else."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        """Left to the kernel."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class _KernelLibrary(JITCodeLibrary):
    """Machine code of a kernel and of all its parts."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


@register_pass(mutates_CFG=True, analysis_only=False)
class _KernelLowering(NativeLowering):
    """To LLVM's code, in a library of that kind."""

    _name = "kernel_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower; what is compiled can be kept."""
        state.library = _KernelLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return bool(super().run_pass(state))


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(NativeLowering):
    """To LLVM's code, in a library of that kind."""

    _name = "part_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower, and let callers find the function; it has no address."""
        state.library = _Library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        done = state.cr.fndesc
        name, doc = done.qualname.split(".")[-1], f"part of kernels: {done.qualname}"
        key = _dynfunc.make_function(
            done.lookup_module(), name, doc, 0, state.cr.env, (state.library,)
        )
        state.targetctx.insert_user_function(key, done, [state.library])
        state.cr = state.cr._replace(cfunc=key)
        return True


def _with(lowering: type) -> type:
    """numba's compiler with another way to lower."""

    class Compiler(CompilerBase):
        def define_pipelines(self) -> list[Any]:
            passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
            passes.passes = [
                (lowering if one is NativeLowering else one, said) for one, said in passes.passes
            ]
            passes.finalize()
            return [passes]

    return Compiler


KernelCompiler, PartCompiler = _with(_KernelLowering), _with(_PartLowering)
