"""A network on a server as a layer of a PyTorch model: its gradients, and training through it.

    torch_layer_test.py DESCENTD

Exits 77, skipped, where there is no PyTorch.
"""

import re
import sys
import unittest

import examples

try:
    import torch
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

import descent
import numpy as np
from torch_layer import DescentLayer


def same_in_torch(model):
    """The model, of two dense layers with tanh between them, as PyTorch's own."""
    network = torch.nn.Sequential(
        torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).double()
    parameters = model.parameters()
    with torch.no_grad():
        for number, layer in enumerate((network[0], network[2])):
            layer.weight.copy_(torch.from_numpy(parameters[f"layers.{number}.kernel"]).T)
            layer.bias.copy_(torch.from_numpy(parameters[f"layers.{number}.bias"]))
    return network


class TorchLayerTest(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        server = self.enterContext(examples.server())
        self.client = self.enterContext(descent.Client(server.address))
        network = descent.Network(4, [descent.Dense(5, "tanh"), descent.Dense(3)], dtype="float64")
        self.model = self.client.create("middle", network, descent.Sgd(0.1))
        self.layer = DescentLayer(self.model)

    def test_gradients_are_those_of_finite_differences(self):
        x = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
        self.assertTrue(torch.autograd.gradcheck(self.layer, (x,)))

    def test_trains_in_the_middle_as_a_layer_of_pytorch_does(self):
        theirs = same_in_torch(self.model)
        ends = [torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh()).double(),
                torch.nn.Linear(3, 1).double()]
        networks = []
        for middle in (self.layer, theirs):
            copies = [torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh()).double(),
                      torch.nn.Linear(3, 1).double()]
            for copy, end in zip(copies, ends):
                copy.load_state_dict(end.state_dict())
            networks.append(torch.nn.Sequential(copies[0], middle, copies[1]))
        optimizers = [torch.optim.SGD(network.parameters(), lr=0.1) for network in networks]
        for _ in range(100):
            x = torch.randn(16, 2, dtype=torch.float64)
            y = (x[:, :1] * x[:, 1:]).sin()
            losses = []
            for network, optimizer in zip(networks, optimizers):
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(network(x), y)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            self.layer.step()
            self.assertAlmostEqual(losses[0], losses[1], places=10)
        end = self.model.parameters()
        np.testing.assert_allclose(end["layers.0.kernel"], theirs[0].weight.detach().numpy().T, atol=1e-10)
        np.testing.assert_allclose(end["layers.1.bias"], theirs[2].bias.detach().numpy(), atol=1e-10)

    def test_as_the_first_layer_too(self):
        """Where nothing that goes in wants a gradient."""
        x = torch.randn(8, 4, dtype=torch.float64)
        self.layer(x).square().mean().backward()
        expected = self.model.gradient(
            x.numpy(), output_gradient=2 / 24 * self.model.forward(x.numpy()).outputs).gradients
        for name, gradient in expected.items():
            np.testing.assert_allclose(self.layer.gradients[name], gradient, rtol=1e-12)

    def test_gradients_add_up_until_they_are_applied(self):
        x = torch.randn(8, 4, dtype=torch.float64)
        for _ in range(2):
            self.layer(x).sum().backward()
        twice = self.layer.gradients["layers.1.bias"]
        np.testing.assert_allclose(twice, 16)
        self.layer.step()
        self.assertEqual(self.layer.gradients, {})
        self.layer(x).sum().backward()
        self.layer.zero_grad()
        self.assertEqual(self.layer.gradients, {})

    def test_updates_since_the_forward_pass_are_noticed(self):
        x = torch.randn(8, 4, dtype=torch.float64)

        def others_train():
            self.model.step(x.numpy(), np.zeros((8, 3)))

        self.layer(x).sum().backward()
        others_train()
        with self.assertRaises(descent.AbortedError) as raised:
            self.layer.step()
        self.assertEqual(raised.exception.reason, "STALE_GRADIENTS")

        outputs = self.layer(x)
        others_train()
        with self.assertRaisesRegex(RuntimeError, "at step 1 in the forward pass, and is at 2"):
            outputs.sum().backward()
        self.assertEqual(self.layer.gradients, {})

        tolerant = DescentLayer(self.model, max_staleness=1)
        outputs = tolerant(x)
        others_train()
        outputs.sum().backward()
        self.assertEqual(tolerant.step().step, 4)

    def test_the_example(self):
        output = examples.run("torch_half.py", self.client.target)
        rmse = float(re.search(r"test rmse ([\d.]+)", output).group(1))
        self.assertLess(rmse, 0.12)  # the targets' own deviation is 0.41


if __name__ == "__main__":
    examples.package.main()
