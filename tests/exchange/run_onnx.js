// For onnx_interop_test.py: what onnxruntime-node makes of files of ours.
//
//   node run_onnx.js DIRECTORY    writes NAME.node of each NAME.onnx and NAME.in of Descent's cases
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const ort = require("onnxruntime-node");

async function run(directory, stem) {
  const numbers = stem.endsWith("float64") ? Float64Array : Float32Array;
  const bytes = fs.readFileSync(path.join(directory, `${stem}.in`));
  const values = new numbers(new Uint8Array(bytes).buffer);
  const session = await ort.InferenceSession.create(path.join(directory, `${stem}.onnx`), { logSeverityLevel: 3 });
  const rows = 33;
  const input = new ort.Tensor(stem.endsWith("float64") ? "float64" : "float32", values, [rows, values.length / rows]);
  const { output } = await session.run({ input });
  fs.writeFileSync(path.join(directory, `${stem}.node`), Buffer.from(output.data.buffer, output.data.byteOffset, output.data.byteLength));
}

async function main(directory) {
  for (const file of fs.readdirSync(directory)) {
    if (file.endsWith(".onnx")) await run(directory, path.basename(file, ".onnx"));
  }
}

main(process.argv[2]);
