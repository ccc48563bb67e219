// For onnx_interop_test.py: what onnxruntime-node makes of files of ours.
//
//   node run_onnx.js DIRECTORY    writes NAME.node of each NAME.onnx, NAME.in and NAME.ids-INPUT of Descent's cases
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const ort = require("onnxruntime-node");

async function run(directory, stem) {
  const numbers = stem.endsWith("float64") ? Float64Array : Float32Array;
  const read = (file, kind) => new kind(new Uint8Array(fs.readFileSync(path.join(directory, `${stem}.${file}`))).buffer);
  const session = await ort.InferenceSession.create(path.join(directory, `${stem}.onnx`), { logSeverityLevel: 3 });
  const rows = 33;
  const feeds = {};
  for (const name of session.inputNames) {
    if (fs.existsSync(path.join(directory, `${stem}.ids-${name}`))) {
      feeds[name] = new ort.Tensor("int64", read(`ids-${name}`, BigInt64Array), [rows]);
    } else {
      const values = read("in", numbers);
      feeds[name] = new ort.Tensor(stem.endsWith("float64") ? "float64" : "float32", values, [rows, values.length / rows]);
    }
  }
  const output = (await session.run(feeds))[session.outputNames[0]];
  fs.writeFileSync(path.join(directory, `${stem}.node`), Buffer.from(output.data.buffer, output.data.byteOffset, output.data.byteLength));
}

async function main(directory) {
  for (const file of fs.readdirSync(directory)) {
    if (file.endsWith(".onnx")) await run(directory, path.basename(file, ".onnx"));
  }
}

main(process.argv[2]);
