"""What users write, for the type checker: it must accept all of it, and see the types that are revealed."""

from __future__ import annotations

from typing import Any, AsyncIterator, Dict, Iterator, Tuple

import descent
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def batches() -> Iterator[Tuple[Floats, Floats]]:
    yield np.zeros((4, 3), np.float32), np.zeros((4, 1), np.float32)


async def arriving() -> AsyncIterator[Tuple[Floats, Floats]]:
    for batch in batches():
        yield batch


def blocking() -> float:
    layers = [descent.Dense(8, "relu"), descent.Dropout(0.1), descent.Dense(1)]
    network = descent.Network(3, layers, loss=descent.Loss("huber", delta=2.0))
    optimizer = descent.Adam(1e-3, schedule=descent.Cosine(period=100), clip_norm=1.0)
    with descent.Client("127.0.0.1:50051", token="t", retry=descent.RetryPolicy(10)) as client:
        model = client.create("m", network, optimizer, exist_ok=True)
        summary: descent.TrainingSummary = model.train(batches(), session="s", progress=print)
        answers: npt.NDArray[np.float32] = model.predict([[1.0, 2.0, 3.0]])
        gradient = model.gradient(np.zeros((1, 3)), output_gradient=np.ones((1, 1)), input_gradient=True)
        model.step(gradients=gradient.gradients, base_step=gradient.step)
        try:
            model.restore(7)
        except descent.NotFoundError as error:
            print(error.code, error.reason, error.field, error.details["step"])
        return summary.loss + float(answers.sum()) + model.evaluate(batches()).metrics["rmse"]


def dicts() -> Iterator[Dict[str, Any]]:
    yield {"y": np.zeros(2), "categories": {"color": ["red", "blue"], "tags": [[1, 2], []]}}


def categorical() -> float:
    inputs = [descent.Categorical("color", 100, 4, "xxh64"), descent.Categorical("tags", 9, 2, combiner="mean")]
    network = descent.Network(0, [descent.Dense(1)], categorical=inputs)
    with descent.Client() as client:
        model = client.create("m", network)
        model.train(dicts())
        tags = descent.Categories([1, 2, 1], row_splits=np.array([0, 2, 3]), weights=[0.5, 1.0, 1.0])
        answers = model.predict(categories={"color": ["red", "blue"], "tags": tags})
        gradient = model.gradient(y=[1.0, 2.0], categories={"color": np.array([7, 8]), "tags": [[1], [2, 3]]})
        rows, values = gradient.sparse["embeddings.color"]
        doubled = {name: descent.SparseRows(part.rows, 2 * part.values) for name, part in gradient.sparse.items()}
        model.step(gradients=gradient)
        model.step(gradients={**gradient.gradients, **doubled}, base_step=gradient.step)
        return float(answers.sum() + rows.sum() + values.sum()) + model.evaluate(dicts()).loss


async def awaiting() -> int:
    async with descent.aio.Client() as client:
        model = await client.model("m")
        await model.train(arriving())
        await model.evaluate(batches())
        return await model.step_count + len(await model.predict(np.zeros((1, 3))))
