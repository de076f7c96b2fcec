"""The dense twin of `convolution_speed.py`: the same dynamics as batched convolutions in PyTorch.

Run by an interpreter that has PyTorch; it needs nothing of eqchip. Reads the problem from an .npz,
settles all samples once in each form, answers with the best form and the sum of each sample's
potentials after the free phase, and then times that form for every line that it reads.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import torch
from torch.nn import functional


class Dense:
    """All phases of a batch, dense, in place wherever PyTorch can."""

    def __init__(self, file, merged: bool) -> None:
        self.shapes = json.loads(str(file["shapes"]))
        self.convolutions = json.loads(str(file["convolutions"]))
        self.merged = merged
        self.count = len(self.shapes) - 1
        self.kernels, self.biases = [], []
        for k in range(self.count):
            weights = torch.from_numpy(file[f"merged_{k}" if merged else f"weights_{k}"])
            if k < len(self.convolutions):
                weights = weights.permute(3, 2, 0, 1).contiguous()
            self.kernels.append(weights)
            bias = torch.from_numpy(file[f"biases_{k}"])
            self.biases.append(bias.permute(2, 0, 1) if bias.ndim == 3 else bias)
        self.eps = [float(e) for e in file["eps"]]
        self.lam = [float(v) for v in file["lam"]]
        phases = (file[name].tolist() for name in ("steps", "two_beta", "from_free"))
        self.phases = list(zip(*phases, strict=True))

    def forward(self, k, q):
        """What layer k sends to layer k + 1."""
        if k >= len(self.convolutions):
            if q.ndim == 4:  # units of a map stand in rows of height, width, channels
                q = q.permute(0, 2, 3, 1).flatten(1)
            return q @ self.kernels[k]
        _, stride, padding, window = self.convolutions[k]
        if self.merged:
            return functional.conv2d(q, self.kernels[k], stride=stride * window, padding=padding)
        found = functional.conv2d(q, self.kernels[k], stride=stride, padding=padding)
        return functional.avg_pool2d(found, window)

    def feedback(self, k, q):
        """What layer k + 1 sends back to layer k."""
        if k >= len(self.convolutions):
            found = q @ self.kernels[k].T
            shape = self.shapes[k]
            if len(shape) == 3:
                found = found.view(-1, *shape).permute(0, 3, 1, 2)
            return found
        _, stride, padding, window = self.convolutions[k]
        if self.merged:
            return functional.conv_transpose2d(
                q, self.kernels[k], stride=stride * window, padding=padding
            )
        spread = q.repeat_interleave(window, 2).repeat_interleave(window, 3) / window**2
        return functional.conv_transpose2d(spread, self.kernels[k], stride=stride, padding=padding)

    def settle(self, x, target):
        """Run all phases; returns the potentials at the end of each."""
        batch = len(x)
        height, width, channels = self.shapes[0]
        image = x.view(batch, height, width, channels).permute(0, 3, 1, 2)
        drive = [bias.expand(batch, *bias.shape) for bias in self.biases]
        drive[0] = self.forward(0, image) + self.biases[0]
        like = [d.contiguous() for d in drive]
        state = {
            "s": [torch.zeros_like(d) for d in like],
            "r": [torch.zeros_like(d) for d in like],
            "phi": [torch.zeros_like(d) for d in like],
            "q": [torch.zeros_like(d) for d in like],
        }
        t, ends, free = 0, [], None
        for steps, two_beta, from_free in self.phases:
            if from_free:
                t, state = free[0], {k: [v.clone() for v in vs] for k, vs in free[1].items()}
            for _ in range(steps):
                t += 1
                self.step(state, drive, target, two_beta, self.eps[t - 1], self.lam[t - 1])
            ends.append([s.clone() for s in state["s"]])
            if not from_free:
                free = (t, {k: [v.clone() for v in vs] for k, vs in state.items()})
        return ends

    def step(self, state, drive, target, two_beta, eps, lam):
        q = state["q"]
        received = []
        for layer in range(self.count):
            u = self.forward(layer, q[layer - 1]) if layer else None
            if layer + 1 < self.count:
                back = self.feedback(layer + 1, q[layer + 1])
                u = back if u is None else u.add_(back)
            received.append(u)
        for layer in range(self.count):
            s, r, phi = state["s"][layer], state["r"][layer], state["phi"][layer]
            r.mul_(1 - lam).add_(received[layer], alpha=lam)
            # s is in [0, 1], where the derivative of the clipped rate is 1.
            p = r + drive[layer]
            if layer == self.count - 1 and two_beta:
                p.add_(target - s, alpha=two_beta)
            new = p.mul_(eps).add_(s, alpha=1 - eps).clamp_(0, 1)
            phi.add_(torch.sub(new, s, alpha=1 - lam).div_(lam))
            fired = phi.gt(0.5).to(phi.dtype)
            phi.sub_(fired)
            state["s"][layer], q[layer] = new, fired


def main() -> None:
    file = np.load(sys.argv[1])
    torch.set_num_threads(int(file["threads"]))
    x, target = torch.from_numpy(file["x"]), torch.from_numpy(file["target"])

    def run(form, batch):
        start = time.perf_counter()
        sums = []
        for first in range(0, len(x), batch):
            ends = form.settle(x[first : first + batch], target[first : first + batch])
            sums += sum(s.flatten(1).sum(1) for s in ends[0]).tolist()
        return (time.perf_counter() - start) / len(x), sums

    best = None
    with torch.inference_mode():
        for merged in (False, True):
            form = Dense(file, merged)
            for batch in file["batches"].tolist():
                run(form, batch)
                seconds, sums = min(run(form, batch) for _ in range(2))
                if best is None or seconds < best[0]:
                    best = (seconds, sums, form, batch)
        _, sums, form, batch = best
        name = "merged" if form.merged else "convolution, then pooling"
        print(json.dumps({
            "version": torch.__version__, "form": name, "batch": batch, "sums": sums,
        }), flush=True)  # fmt: skip
        for _ in sys.stdin:
            print(json.dumps({"seconds_per_sample": run(form, batch)[0]}), flush=True)


if __name__ == "__main__":
    main()
