"""What clients of serving systems find on a server, with their own packages and nothing of ours.

    serving_clients.py FACTS CLIENT...

FACTS is a file of JSON: where the server is, and what its models are and predict. CLIENT is one of the classes below.
"""

import asyncio
import json
import pathlib
import sys
import time
import unittest

import numpy as np

FACTS = json.loads(pathlib.Path(sys.argv[1]).read_text())
MODELS = FACTS["models"]
NUMPY = {"FP32": np.float32, "FP64": np.float64, "FP16": np.float16, "BOOL": bool, "INT8": np.int8,
         "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8, "UINT16": np.uint16,
         "UINT32": np.uint32, "UINT64": np.uint64}


def rows_of(model, datatype):
    """Zeros and ones, which every datatype has."""
    return np.array(model["inputs"]).astype(NUMPY[datatype])


def categories_of(model, texts, datatype="INT64"):
    """[(name, datatype, array)]: the inputs of a model with categorical inputs, its countries as texts or as ids."""
    countries = np.array(model["texts"], object) if texts else np.array(model["ids"], np.int64)
    inputs = [("country", "BYTES" if texts else "INT64", countries),
              ("shop", datatype, np.array(model["shop"], NUMPY[datatype]).reshape(-1, 1))]
    if model["features"]:
        inputs.append(("inputs", "FP32", np.array(model["numbers"], np.float32)))
    return inputs


def every_way_of_categories():
    """(model's name, whether countries are texts, inputs)"""
    for name, model in FACTS["categorical"].items():
        for texts in (True, False):
            for datatype in ("INT64", "INT8", "UINT16", "INT32", "UINT64"):
                yield name, texts, categories_of(model, texts, datatype)


def several_categories():
    """(model's name, the request's parameters, inputs, whose predictions they are): rows of two shops and countries"""
    for name, model in FACTS["categorical"].items():
        inputs = [("country", "BYTES", np.array(model["several_texts"], object)),
                  ("shop", "INT32", np.array(model["shops_padded"], np.int32))]
        if model["features"]:
            inputs.append(("inputs", "FP32", np.array(model["numbers"], np.float32)))
        for parameters, of in ((None, "several"), ({"padded_categories": True}, "padded")):
            yield name, parameters, inputs, of


class Answers(unittest.TestCase):
    """Every client can be asked these: `ready(name, version)`, `metadata(name)` and `predict(name, datatype)`."""

    def check_categories(self, name, texts, outputs):
        """To the bit what our own Predict makes of the same categories."""
        self.check_predictions(name, "texts" if texts else "ids", outputs)

    def check_predictions(self, name, of, outputs):
        expected = FACTS["categorical"][name][f"outputs_of_{of}"]
        self.assertEqual(outputs.dtype, np.float32)
        np.testing.assert_array_equal(outputs, np.array(expected, np.float32))

    def check(self, name, outputs, of="outputs"):
        """To the bit: the same rows are the same numbers, however they come."""
        model = MODELS[name]
        self.assertEqual(outputs.dtype, NUMPY[model["datatype"]])
        np.testing.assert_array_equal(outputs, np.array(model[of], NUMPY[model["datatype"]]))


if any(client.startswith("Triton") for client in sys.argv[2:]):
    import tritonclient.grpc as triton
    from tritonclient.utils import InferenceServerException

    class TritonGrpc(Answers):
        module = triton
        ways = ({},)

        def setUp(self):
            self.client = self.enterContext(triton.InferenceServerClient(FACTS["grpc"]))

        def inputs(self, name, datatype="FP32"):
            rows = rows_of(MODELS[name], datatype)
            tensor = triton.InferInput("inputs", rows.shape, datatype)
            tensor.set_data_from_numpy(rows)
            return [tensor]

        def test_says_what_is_ready(self):
            self.assertTrue(self.client.is_server_live())
            self.assertTrue(self.client.is_server_ready())
            for name, model in MODELS.items():
                self.assertTrue(self.client.is_model_ready(name))
                for version in model["versions"]:
                    self.assertTrue(self.client.is_model_ready(name, version))
                self.assertFalse(self.client.is_model_ready(name, "999"))
            self.assertFalse(self.client.is_model_ready("nobody"))

        def test_describes(self):
            self.assertEqual(self.client.get_server_metadata().name, "descent")
            for name, model in MODELS.items():
                metadata = self.client.get_model_metadata(name)
                self.assertEqual(list(metadata.versions), model["versions"])
                self.assertEqual((metadata.inputs[0].name, metadata.inputs[0].datatype, list(metadata.inputs[0].shape)),
                                 ("inputs", model["datatype"], [-1, 3]))
                self.assertEqual((metadata.outputs[0].name, list(metadata.outputs[0].shape)), ("outputs", [-1, 2]))

        def test_predicts_from_every_datatype(self):
            for name, model in MODELS.items():
                for datatype in NUMPY:
                    with self.subTest(model=name, datatype=datatype):
                        answer = self.client.infer(name, self.inputs(name, datatype), request_id=datatype)
                        self.check(name, answer.as_numpy("outputs"))
                        self.assertEqual(answer.get_response().id, datatype)
                        self.assertEqual(answer.get_response().model_version, str(model["step"]))

        @staticmethod
        def described(metadata):
            return [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in metadata.inputs]

        def test_describes_categorical_inputs(self):
            for name, model in FACTS["categorical"].items():
                numbers = [("inputs", "FP32", [-1, model["features"]])] if model["features"] else []
                self.assertEqual(self.described(self.client.get_model_metadata(name)),
                                 [*numbers, ("shop", "INT64", [-1]), ("country", "BYTES", [-1])])

        def tensors(self, inputs, **how):
            made = []
            for name, datatype, values in inputs:
                made.append(self.module.InferInput(name, values.shape, datatype))
                made[-1].set_data_from_numpy(values, **how)
            return made

        def test_predicts_from_categories(self):
            for name, texts, inputs in every_way_of_categories():
                for how in self.ways:
                    with self.subTest(model=name, texts=texts, how=how):
                        for given in (inputs, inputs[::-1]):
                            answer = self.client.infer(name, self.tensors(given, **how))
                            self.check_categories(name, texts, answer.as_numpy("outputs"))

        def test_predicts_from_several_categories_a_row(self):
            for name, parameters, inputs, of in several_categories():
                for how in self.ways:
                    with self.subTest(model=name, of=of, how=how):
                        answer = self.client.infer(name, self.tensors(inputs, **how), parameters=parameters)
                        self.check_predictions(name, of, answer.as_numpy("outputs"))

        def test_refuses_texts_and_ids_that_are_none(self):
            model = FACTS["categorical"]["categories_alone"]
            texts = np.array(["CH"] * 3, object)
            for shop in (("shop", "BYTES", texts), ("shop", "INT64", np.array([0, 50, 0])),
                         ("shop", "INT64", np.array([0, 1])), ("store", "INT64", np.array([0, 1, 2]))):
                with self.subTest(shop=shop), self.assertRaises(InferenceServerException) as raised:
                    self.client.infer("categories_alone", self.tensors([categories_of(model, True)[0], shop]))
                self.assertIn("inputs[1]", raised.exception.message())

        def test_predicts_as_the_model_did_at_its_checkpoint(self):
            for name, model in MODELS.items():
                (version,) = model["versions"]
                answer = self.client.infer(name, self.inputs(name), model_version=version)
                self.check(name, answer.as_numpy("outputs"), of="outputs_of_version")

        def test_hints_and_requested_outputs(self):
            answer = self.client.infer("numbers", self.inputs("numbers"), priority=1, timeout=10_000_000,
                                       client_timeout=60, outputs=[triton.InferRequestedOutput("outputs")])
            self.check("numbers", answer.as_numpy("outputs"))

        def test_errors_are_the_protocol_s(self):
            wrong = triton.InferRequestedOutput("logits")
            for status, call in (
                ("INVALID_ARGUMENT", lambda: self.client.infer("numbers", self.inputs("numbers"), outputs=[wrong])),
                ("INVALID_ARGUMENT", lambda: self.client.infer("numbers", self.inputs("numbers"), sequence_id=1)),
                ("NOT_FOUND", lambda: self.client.infer("nobody", self.inputs("numbers"))),
                ("NOT_FOUND", lambda: self.client.infer("numbers", self.inputs("numbers"), model_version="999")),
                ("NOT_FOUND", lambda: self.client.get_model_metadata("nobody")),
            ):
                with self.assertRaises(InferenceServerException) as raised:
                    call()
                self.assertEqual(raised.exception.status(), f"StatusCode.{status}")

        def test_calls_that_overlap(self):
            answers = []
            for _ in range(50):
                self.client.async_infer("numbers", self.inputs("numbers"),
                                        lambda result, error: answers.append((result, error)))
            for _ in range(6000):
                if len(answers) == 50:
                    break
                time.sleep(0.01)
            self.assertEqual(len(answers), 50)
            for result, error in answers:
                self.assertIsNone(error)
                self.check("numbers", result.as_numpy("outputs"))


    import tritonclient.http as triton_http

    class TritonHttp(TritonGrpc):
        """The same, in bytes as it comes by itself and in JSON."""

        module = triton_http
        ways = ({"binary_data": True}, {"binary_data": False})

        def setUp(self):
            self.client = triton_http.InferenceServerClient(FACTS["http"], network_timeout=60)
            self.addCleanup(self.client.close)

        def inputs(self, name, datatype="FP32", binary=True):
            rows = rows_of(MODELS[name], datatype)
            tensor = triton_http.InferInput("inputs", rows.shape, datatype)
            tensor.set_data_from_numpy(rows, binary_data=binary)
            return [tensor]

        @staticmethod
        def described(metadata):
            return [(tensor["name"], tensor["datatype"], tensor["shape"]) for tensor in metadata["inputs"]]

        def test_describes(self):
            self.assertEqual(self.client.get_server_metadata()["name"], "descent")
            for name, model in MODELS.items():
                metadata = self.client.get_model_metadata(name)
                self.assertEqual(metadata["versions"], model["versions"])
                self.assertEqual(metadata["inputs"],
                                 [{"name": "inputs", "datatype": model["datatype"], "shape": [-1, 3]}])

        def test_predicts_from_every_datatype(self):
            for name, model in MODELS.items():
                for datatype in NUMPY:
                    for binary in (True, False):
                        if datatype == "FP16" and not binary:
                            continue  # which the protocol has raw alone
                        with self.subTest(model=name, datatype=datatype, binary=binary):
                            wanted = [triton_http.InferRequestedOutput("outputs", binary_data=binary)]
                            answer = self.client.infer(name, self.inputs(name, datatype, binary),
                                                       outputs=wanted, request_id=datatype)
                            self.check(name, answer.as_numpy("outputs"))
                            self.assertEqual(answer.get_response()["id"], datatype)
                            self.assertEqual(answer.get_response()["model_version"], str(model["step"]))

        def test_hints_and_requested_outputs(self):
            answer = self.client.infer("numbers", self.inputs("numbers"), priority=1, timeout=10_000_000)
            self.check("numbers", answer.as_numpy("outputs"))

        def test_errors_are_the_protocol_s(self):
            wrong = triton_http.InferRequestedOutput("logits")
            for status, call in (
                ("400", lambda: self.client.infer("numbers", self.inputs("numbers"), outputs=[wrong])),
                ("400", lambda: self.client.infer("numbers", self.inputs("numbers"), sequence_id=1)),
                ("404", lambda: self.client.infer("nobody", self.inputs("numbers"))),
                ("404", lambda: self.client.infer("numbers", self.inputs("numbers"), model_version="999")),
                ("404", lambda: self.client.get_model_metadata("nobody")),
            ):
                with self.assertRaises(InferenceServerException) as raised:
                    call()
                self.assertEqual(raised.exception.status(), status)

        def test_calls_that_overlap(self):
            client = triton_http.InferenceServerClient(FACTS["http"], concurrency=8)
            self.addCleanup(client.close)
            for answer in [client.async_infer("numbers", self.inputs("numbers")) for _ in range(50)]:
                self.check("numbers", answer.get_result().as_numpy("outputs"))


if any(client.startswith("KServe") for client in sys.argv[2:]):
    import kserve

    def kserve_requests():
        """(model's name, whether countries are texts, request), raw and not"""
        for name, texts, inputs in every_way_of_categories():
            for binary in (True, False):
                tensors = []
                for input_name, datatype, values in inputs:
                    tensors.append(kserve.InferInput(input_name, list(values.shape), datatype))
                    tensors[-1].set_data_from_numpy(values, binary_data=binary)
                yield name, texts, kserve.InferRequest(name, tensors, request_id="eight")

    def kserve_requests_of_several():
        """(model's name, whose predictions they are, request), raw and not"""
        for name, parameters, inputs, of in several_categories():
            for binary in (True, False):
                tensors = []
                for input_name, datatype, values in inputs:
                    tensors.append(kserve.InferInput(input_name, list(values.shape), datatype))
                    tensors[-1].set_data_from_numpy(values, binary_data=binary)
                yield name, of, kserve.InferRequest(name, tensors, parameters=parameters)

    class KServeGrpc(Answers):
        def run_with(self, work):
            async def run():
                client = kserve.InferenceGRPCClient(FACTS["grpc"])
                try:
                    return await work(client)
                finally:
                    await client.close()
            return asyncio.run(run())

        def test_says_what_is_ready(self):
            async def ask(client):
                return [await client.is_server_live(), await client.is_server_ready(),
                        await client.is_model_ready("numbers"), await client.is_model_ready("nobody")]
            self.assertEqual(self.run_with(ask), [True, True, True, False])

        def test_predicts_from_every_datatype_raw_and_typed(self):
            async def ask(client):
                for name, model in MODELS.items():
                    for datatype in NUMPY:
                        for binary in (True, False):
                            if datatype == "FP16" and not binary:
                                continue  # which the protocol has raw alone
                            rows = rows_of(model, datatype)
                            tensor = kserve.InferInput("inputs", list(rows.shape), datatype)
                            tensor.set_data_from_numpy(rows, binary_data=binary)
                            with self.subTest(model=name, datatype=datatype, binary=binary):
                                answer = await client.infer(kserve.InferRequest(name, [tensor], request_id="seven"))
                                self.check(name, answer.outputs[0].as_numpy())
                                self.assertEqual(answer.id, "seven")
            self.run_with(ask)

        def test_predicts_from_categories_raw_and_typed(self):
            async def ask(client):
                for name, texts, request in kserve_requests():
                    with self.subTest(model=name, texts=texts):
                        self.check_categories(name, texts, (await client.infer(request)).outputs[0].as_numpy())
                for name, of, request in kserve_requests_of_several():
                    with self.subTest(model=name, of=of):
                        self.check_predictions(name, of, (await client.infer(request)).outputs[0].as_numpy())
            self.run_with(ask)

    class KServeHttp(Answers):
        def run_with(self, work):
            async def run():
                client = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2"))
                try:
                    return await work(client, "http://" + FACTS["http"])
                finally:
                    await client.close()
            return asyncio.run(run())

        def test_says_what_is_ready(self):
            async def ask(client, url):
                return [await client.is_server_live(url), await client.is_server_ready(url),
                        await client.is_model_ready(url, "numbers")]
            self.assertEqual(self.run_with(ask), [True, True, True])

        def test_predicts_from_every_datatype_in_bytes_and_json(self):
            async def ask(client, url):
                for name, model in MODELS.items():
                    for datatype in NUMPY:
                        for binary in (True, False):
                            if datatype == "FP16" and not binary:
                                continue
                            rows = rows_of(model, datatype)
                            tensor = kserve.InferInput("inputs", list(rows.shape), datatype)
                            tensor.set_data_from_numpy(rows, binary_data=binary)
                            with self.subTest(model=name, datatype=datatype, binary=binary):
                                answer = await client.infer(
                                    url, kserve.InferRequest(name, [tensor], request_id="seven"), model_name=name)
                                self.check(name, answer.outputs[0].as_numpy())
                                self.assertEqual(answer.id, "seven")
            self.run_with(ask)

        def test_predicts_from_categories_in_bytes_and_json(self):
            async def ask(client, url):
                for name, texts, request in kserve_requests():
                    with self.subTest(model=name, texts=texts):
                        answer = await client.infer(url, request, model_name=name)
                        self.check_categories(name, texts, answer.outputs[0].as_numpy())
                for name, of, request in kserve_requests_of_several():
                    with self.subTest(model=name, of=of):
                        answer = await client.infer(url, request, model_name=name)
                        self.check_predictions(name, of, answer.outputs[0].as_numpy())
            self.run_with(ask)


if __name__ == "__main__":
    unittest.main(argv=["serving_clients", *sys.argv[2:]])
