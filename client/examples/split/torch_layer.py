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
        answer = layer.model.forward(x.detach().cpu().numpy())
        ctx.layer, ctx.step = layer, answer.step
        ctx.save_for_backward(x)
        return torch.from_numpy(answer.outputs).to(x)

    @staticmethod
    @once_differentiable
    def backward(ctx, output_gradient):
        (x,) = ctx.saved_tensors
        answer = ctx.layer.model.gradient(
            x.detach().cpu().numpy(),
            output_gradient=output_gradient.cpu().numpy(),
            input_gradient=ctx.needs_input_grad[0],
        )
        ctx.layer.add(answer, ctx.step)
        below = answer.input_gradient
        return None if below is None else torch.from_numpy(below).to(x), None, None


class DescentLayer(torch.nn.Module):
    """A model on a server: `[n, inputs]` to `[n, outputs]`, of the model's type.

    It takes no part in `parameters()`: its parameters stay on the server, and so does their optimizer. Gradients of
    several backward passes add up until `step` or `zero_grad`, as PyTorch's do.

    Args:
        model: of which this is a layer.
        max_staleness: how many updates, this layer's own or others', may come between a forward pass and what follows
            from it. The server keeps no activations: after an update, a gradient is that of other parameters.
    """

    def __init__(self, model: descent.Model, max_staleness: int = 0) -> None:
        super().__init__()
        self.model = model
        self.max_staleness = max_staleness
        self.gradients = {}
        self._base_step = None
        # PyTorch asks for no gradient where nothing that went in wants one, as in a first layer.
        self._wants_gradient = torch.empty(0, requires_grad=True)

    def forward(self, x):
        return _AcrossTheWire.apply(x, self, self._wants_gradient)

    def add(self, answer, forward_step):
        """Adds a gradient, of a forward pass at that step. RuntimeError if the model has moved on too far since."""
        if answer.step - forward_step > self.max_staleness:
            raise RuntimeError(
                f"{self.model.name} was at step {forward_step} in the forward pass, "
                f"and is at {answer.step} in the backward pass"
            )
        for name, gradient in answer.gradients.items():
            self.gradients[name] = self.gradients.get(name, 0) + gradient
        self._base_step = forward_step if self._base_step is None else min(self._base_step, forward_step)

    def step(self):
        """Applies the gradients that were added up, and forgets them.

        descent.AbortedError (`STALE_GRADIENTS`) if the model has moved on too far since the forward pass.
        """
        gradients, base_step = self.gradients, self._base_step
        self.zero_grad()
        return self.model.step(gradients=gradients, base_step=base_step, max_staleness=self.max_staleness)

    def zero_grad(self, set_to_none=True):
        super().zero_grad(set_to_none)
        self.gradients = {}
        self._base_step = None
