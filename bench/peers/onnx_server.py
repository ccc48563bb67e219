"""What a team would write with Python, grpcio and onnxruntime to serve a network by the Open Inference Protocol:
ModelInfer for 13-64-1 with ReLU, whatever model a request names.

    OMP_NUM_THREADS=1 python onnx_server.py STUBS [threads|asyncio]

STUBS: a directory with the modules that grpcio-tools makes of proto/inference. Prints `listening on HOST:PORT` and
runs until it is told to end.
"""

import asyncio
import sys
from concurrent import futures

sys.path.append(sys.argv[1])

import grpc
import numpy as np
import onnx
import onnxruntime
from inference import open_inference_pb2 as messages
from inference import open_inference_pb2_grpc as services
from onnx import TensorProto, helper, numpy_helper

WIDTHS = (13, 64, 1)


def network():
    """An ONNX file of dense layers with ReLU between them."""
    draw = np.random.default_rng(0)
    nodes, initializers, value = [], [], "inputs"
    for layer, (inputs, units) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        weight = draw.normal(scale=inputs ** -0.5, size=(units, inputs)).astype(np.float32)
        initializers += [numpy_helper.from_array(weight, f"w{layer}"),
                         numpy_helper.from_array(np.zeros(units, np.float32), f"b{layer}")]
        last = layer == len(WIDTHS) - 2
        nodes.append(helper.make_node("Gemm", [value, f"w{layer}", f"b{layer}"],
                                      ["outputs" if last else f"z{layer}"], transB=1))
        if not last:
            nodes.append(helper.make_node("Relu", [f"z{layer}"], [f"a{layer}"]))
            value = f"a{layer}"
    graph = helper.make_graph(
        nodes, "network",
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["n", WIDTHS[0]])],
        [helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["n", WIDTHS[-1]])], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.checker.check_model(model)
    return model.SerializeToString()


class Server:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # more do not pay on networks this small
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(network(), options, providers=["CPUExecutionProvider"])

    def infer(self, request):
        tensor = request.inputs[0]
        rows = np.frombuffer(request.raw_input_contents[0], np.float32).reshape(tensor.shape)
        (outputs,) = self.session.run(["outputs"], {"inputs": rows})
        return messages.ModelInferResponse(
            model_name=request.model_name, model_version="1", id=request.id,
            outputs=[messages.ModelInferResponse.InferOutputTensor(
                name="outputs", datatype="FP32", shape=outputs.shape)],
            raw_output_contents=[outputs.tobytes()])


class OnThreads(services.GRPCInferenceServiceServicer):
    def __init__(self):
        self.server = Server()

    def ModelInfer(self, request, context):
        return self.server.infer(request)


class InOneLoop(OnThreads):
    async def ModelInfer(self, request, context):
        return self.server.infer(request)


def serve_on_threads():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    services.add_GRPCInferenceServiceServicer_to_server(OnThreads(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


async def serve_in_one_loop():
    server = grpc.aio.server()
    services.add_GRPCInferenceServiceServicer_to_server(InOneLoop(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    if sys.argv[2:] == ["threads"]:
        serve_on_threads()
    else:
        asyncio.run(serve_in_one_loop())
