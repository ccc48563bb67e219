"""The few messages of the wire contract that the attacks and the honest callers send, as bytes."""

import struct

CREATE = "/descent.v1.ModelService/CreateModel"
DELETE = "/descent.v1.ModelService/DeleteModel"
GET_PARAMETERS = "/descent.v1.ModelService/GetParameters"
SET_PARAMETERS = "/descent.v1.ModelService/SetParameters"
CREATE_CHECKPOINT = "/descent.v1.ModelService/CreateCheckpoint"
LIST = "/descent.v1.ModelService/ListModels"
PREDICT = "/descent.v1.NetworkService/Predict"
FORWARD = "/descent.v1.NetworkService/Forward"
GRADIENT = "/descent.v1.NetworkService/Gradient"
TRAIN = "/descent.v1.NetworkService/Train"
EVALUATE = "/descent.v1.NetworkService/Evaluate"
BACKUP = "/descent.v1.AdminService/Backup"
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
HEALTH_WATCH = "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

LIST_SERVICES = b"\x3a\x00"  # to reflection

FLOAT32, INT64 = 1, 4
MEAN_SQUARED_ERROR = 2


def varint(value):
    encoded = bytearray()
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, content):
    if isinstance(content, str):
        content = content.encode()
    return varint(field << 3 | 2) + varint(len(content)) + content


def double(field, value):
    return varint(field << 3 | 1) + struct.pack("<d", value)


def floats(shape, raw=None):
    """A tensor of float32, of ones unless said otherwise."""
    count = 1
    for size in shape:
        count *= size
    raw = struct.pack("<f", 1) * count if raw is None else raw
    return (number(1, FLOAT32) + block(2, b"".join(map(varint, shape))) + block(3, raw))


def network(inputs, layers):
    """A regression of dense layers without activation."""
    dense = b"".join(block(2, block(1, number(1, units))) for units in layers)
    return number(1, inputs) + dense + block(3, number(1, MEAN_SQUARED_ERROR))


def create(name, inputs, layers):
    optimizer = double(1, 0.01) + block(2, b"")  # plain gradient descent
    model = block(1, name) + block(2, network(inputs, layers)) + block(3, optimizer)
    return block(1, model)


def predict(name, rows, inputs):
    return block(1, name) + block(2, floats([rows, inputs]))


def create_checkpoint(name):
    return block(1, name)


def get_parameters(name):
    return block(1, name)


def train_start(name, session=""):
    return block(1, block(1, name) + (block(2, session) if session else b""))
