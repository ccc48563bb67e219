"""What a team would write with Python, grpcio and PyTorch instead: NetworkService's Step, Predict and
Train, and ModelService as far as the bench needs it, for dense ReLU networks, mean squared error and
plain gradient descent.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 /usr/bin/python3 torch_server.py STUBS

STUBS: a directory that client/examples/python/generate_stubs has filled. Prints
`listening on HOST:PORT` and runs until it is told to end.
"""

import pathlib
import sys
import threading
from concurrent import futures

sys.path += [sys.argv[1], str(pathlib.Path(__file__).resolve().parents[2] / "client/examples/python")]

import grpc
import torch
from descent.v1 import model_service_pb2 as models
from descent.v1 import model_service_pb2_grpc as models_grpc
from descent.v1 import network_service_pb2 as networks
from descent.v1 import network_service_pb2_grpc as networks_grpc
from tensors import to_array, to_tensor

WINDOW = 256


class Model:
    def __init__(self, spec):
        layers, features = [], spec.network.input_features
        for layer in spec.network.layers:
            layers += [torch.nn.Linear(features, layer.dense.units), torch.nn.ReLU()]
            features = layer.dense.units
        self.module = torch.nn.Sequential(*layers[:-1])
        self.loss = torch.nn.MSELoss()
        self.rate = spec.optimizer.learning_rate
        self.optimizer = torch.optim.SGD(self.module.parameters(), lr=self.rate)
        self.step_count = 0
        self.lock = threading.Lock()  # calls come on several threads

    def step(self, batch):
        """One update; its loss and step."""
        inputs = torch.from_numpy(to_array(batch.inputs).copy())
        targets = torch.from_numpy(to_array(batch.targets).copy())
        with self.lock:
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.loss(self.module(inputs), targets)
            loss.backward()
            self.optimizer.step()
            self.step_count += 1
            return loss.item(), self.step_count

    def predict(self, inputs):
        with self.lock, torch.no_grad():
            outputs = self.module(torch.from_numpy(to_array(inputs).copy()))
            return outputs.numpy(), self.step_count


class ModelService(models_grpc.ModelServiceServicer):
    def __init__(self, kept):
        self.kept = kept

    def CreateModel(self, request, context):
        self.kept[request.model.name] = Model(request.model)
        return models.CreateModelResponse(model=request.model)

    def DeleteModel(self, request, context):
        del self.kept[request.name]
        return models.DeleteModelResponse()


class NetworkService(networks_grpc.NetworkServiceServicer):
    def __init__(self, kept):
        self.kept = kept

    def Step(self, request, context):
        model = self.kept[request.model]
        loss, step = model.step(request.batch)
        return networks.StepResponse(step=step, loss=loss, learning_rate=model.rate,
                                     durable_step=step)

    def Predict(self, request, context):
        outputs, step = self.kept[request.model].predict(request.inputs)
        return networks.PredictResponse(step=step, outputs=to_tensor(outputs))

    def Train(self, requests, context):
        model = self.kept[next(requests).start.model]
        yield networks.TrainResponse(ready=networks.TrainReady(
            next_sequence=1, step=model.step_count, window=WINDOW))
        for request in requests:
            loss, step = model.step(request.batch.batch)
            sequence = request.batch.sequence
            yield networks.TrainResponse(ack=networks.TrainAck(
                sequence=sequence, step=step, loss=loss, learning_rate=model.rate,
                durable_sequence=sequence, rows=request.batch.batch.inputs.shape[0]))


def main():
    torch.set_num_threads(1)  # more do not pay on networks this small
    kept = {}
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    models_grpc.add_ModelServiceServicer_to_server(ModelService(kept), server)
    networks_grpc.add_NetworkServiceServicer_to_server(NetworkService(kept), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
