"""How numba compiles what only kernels call: to intermediate code, and no further.

Left to itself numba optimises such a function alone, makes machine code of it, and does both again
in each function that it is inlined into, on every level of calls. Here the code of a part is handed
on as it is: LLVM inlines and optimises it once, in the kernel.
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


class PartCompiler(CompilerBase):
    """numba's compiler, but for the last steps."""

    def define_pipelines(self) -> list[Any]:
        """numba's passes, with another way to lower."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [
            (_PartLowering if one is NativeLowering else one, said) for one, said in passes.passes
        ]
        passes.finalize()
        return [passes]
