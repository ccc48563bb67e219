"""A network on a Descent server as a layer of a PyTorch model, in any place of it.

    layer = DescentLayer(client.model("middle"))
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), layer, torch.nn.Linear(3, 1))

    loss = criterion(network(x), y)
    loss.backward()          # asks the server for gradients, and hands dL/dx on to the layers below
    optimizer.step()         # PyTorch's own parameters
    layer.step()             # the server's, by the model's optimizer
"""

import descent
import torch
from torch.autograd.function import once_differentiable


class _AcrossTheWire(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, layer, _):
        ctx.layer = layer
        ctx.save_for_backward(x)
        outputs = layer.model.forward(x.detach().cpu().numpy()).outputs
        return torch.from_numpy(outputs).to(x)

    @staticmethod
    @once_differentiable
    def backward(ctx, output_gradient):
        (x,) = ctx.saved_tensors
        answer = ctx.layer.model.gradient(
            x.detach().cpu().numpy(),
            output_gradient=output_gradient.cpu().numpy(),
            input_gradient=ctx.needs_input_grad[0],
        )
        ctx.layer.add(answer)
        below = answer.input_gradient
        return None if below is None else torch.from_numpy(below).to(x), None, None


class DescentLayer(torch.nn.Module):
    """A model on a server: `[n, inputs]` to `[n, outputs]`, of the model's type.

    It takes no part in `parameters()`: its parameters stay on the server, and so does their optimizer. Gradients of
    several backward passes add up until `step` or `zero_grad`, as PyTorch's do.
    """

    def __init__(self, model: descent.Model) -> None:
        super().__init__()
        self.model = model
        self.gradients = {}
        self._base_step = None
        # PyTorch asks for no gradient where nothing that went in wants one, as in a first layer.
        self._wants_gradient = torch.empty(0, requires_grad=True)

    def forward(self, x):
        return _AcrossTheWire.apply(x, self, self._wants_gradient)

    def add(self, answer):
        """Adds the gradient that the server answered with."""
        for name, gradient in answer.gradients.items():
            self.gradients[name] = self.gradients.get(name, 0) + gradient
        self._base_step = answer.step if self._base_step is None else min(self._base_step, answer.step)

    def step(self, max_staleness=0):
        """Applies the gradients that were added up, and forgets them.

        descent.AbortedError if others made more than `max_staleness` updates since they were computed.
        """
        gradients, base_step = self.gradients, self._base_step
        self.zero_grad()
        return self.model.step(gradients=gradients, base_step=base_step, max_staleness=max_staleness)

    def zero_grad(self, set_to_none=True):
        super().zero_grad(set_to_none)
        self.gradients = {}
        self._base_step = None
