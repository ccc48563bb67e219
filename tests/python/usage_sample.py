"""What users write, for the type checker: it must accept all of it, and see the types that are revealed."""

from __future__ import annotations

from typing import AsyncIterator, Iterator, Tuple

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


async def awaiting() -> int:
    async with descent.aio.Client() as client:
        model = await client.model("m")
        await model.train(arriving())
        await model.evaluate(batches())
        return await model.step_count + len(await model.predict(np.zeros((1, 3))))
