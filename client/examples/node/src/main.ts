// Creates a model on a Descent server, trains it, predicts, and asks for gradients.
//
//   descentd --in-memory &
//   npm start -- [--tls-ca FILE] [--token-file FILE] [HOST:PORT]

import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { status } from '@grpc/grpc-js';

import type { ActivationKind } from './generated/descent/v1/ActivationKind.js';
import type { Layer } from './generated/descent/v1/Layer.js';
import type { Model } from './generated/descent/v1/Model.js';
import { type Connection, connect } from './connect.js';
import { batch, BATCHES, FEATURES, type Rows, rows } from './data.js';
import { errorDetails, isServiceError } from './errors.js';
import { call } from './retry.js';
import { floats, tensor } from './tensor.js';
import { train } from './train.js';

const MODEL = 'node-example';

function dense(units: number, kind: ActivationKind): Layer {
  return { dense: { units, activation: { kind } } };
}

const description: Model = {
  name: MODEL,
  network: {
    inputFeatures: FEATURES,
    layers: [dense(32, 'ACTIVATION_KIND_RELU'), dense(1, 'ACTIVATION_KIND_IDENTITY')],
    loss: { kind: 'LOSS_KIND_MEAN_SQUARED_ERROR' },
    seed: 1,
  },
  optimizer: { learningRate: 0.01, adam: {} },
};

const fixed = (value: number, digits: number, width: number) => value.toFixed(digits).padStart(width);

async function trainAndAsk({ models, networks }: Connection) {
  for await (const ack of train(networks, MODEL, BATCHES, batch)) {
    if (Number(ack.sequence) % 200 === 0) {
      console.log(`update ${ack.sequence.padStart(5)} of ${BATCHES}  loss ${fixed(ack.loss as number, 4, 8)}`);
    }
  }
  const { model } = await call(models, models.GetModel, { name: MODEL });
  console.log(`trained to step ${model!.step}, state ${model!.stateHash}`);

  const test = rows(12345, 256);
  await predict(networks, test);
  await gradient(networks, test);
  await askForTooLittle(networks);
}

async function predict(networks: Connection['networks'], { inputs, targets }: Rows) {
  const answer = await call(networks, networks.Predict, {
    model: MODEL,
    inputs: tensor(inputs.subarray(0, 3 * FEATURES), FEATURES),
  });
  floats(answer.outputs).forEach((prediction, row) => {
    console.log(`predicted ${fixed(prediction, 2, 6)}, expected ${fixed(targets[row], 2, 6)}`);
  });
}

/** Which features the loss hangs on most, by its gradient with respect to the inputs. */
async function gradient(networks: Connection['networks'], { inputs, targets }: Rows) {
  const answer = await call(networks, networks.Gradient, {
    model: MODEL,
    inputs: tensor(inputs, FEATURES),
    targets: tensor(targets, 1),
    inputGradient: true,
  });
  console.log(`gradient at step ${answer.step}: norm ${(answer.gradientNorm as number).toFixed(4)}`);
  const influence = new Array<number>(FEATURES).fill(0);
  floats(answer.inputGradient).forEach((value, i) => (influence[i % FEATURES] += Math.abs(value)));
  const order = [...influence.keys()].sort((a, b) => influence[b] - influence[a]);
  console.log('features by influence:', ...order.map((feature) => `x${feature + 1}`));
}

/** What an error says: a reason to act on, and the fields at fault. */
async function askForTooLittle(networks: Connection['networks']) {
  try {
    const inputs = tensor(Float32Array.of(1, 2, 3), 3);
    await call(networks, networks.Predict, { model: MODEL, inputs });
  } catch (error) {
    if (!isServiceError(error)) throw error;
    console.log(`refused as it should be: ${status[error.code]}: ${error.details}`);
    const { errorInfo, badRequest } = errorDetails(error);
    console.log(`  reason ${errorInfo?.reason}`);
    for (const { field, description } of badRequest?.fieldViolations ?? []) {
      console.log(`  field ${field}: ${description}`);
    }
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'tls-ca': { type: 'string' }, 'token-file': { type: 'string' } },
});
const connection = connect(positionals[0] ?? '127.0.0.1:50051', values['tls-ca'], values['token-file']);
const { models } = connection;
const { model } = await call(models, models.CreateModel, { model: description, requestId: randomUUID() });
console.log(`created ${MODEL}: ${model!.parameterCount} parameters`);
try {
  await trainAndAsk(connection);
} finally {
  await call(models, models.DeleteModel, { name: MODEL, requestId: randomUUID() });
  models.close();
}
