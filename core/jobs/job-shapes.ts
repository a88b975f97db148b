/** What files of a job must look like to be read; see job.ts for what they mean. */
import {
  anyOf,
  fieldsOf,
  isCount,
  isFlag,
  isNumber,
  isText,
  maybe,
  oneOf,
  recordOf,
  type Shape,
} from '../shape.ts';
import { endings, methods } from './job.ts';

const isHyperparameters = fieldsOf({
  numEpochs: anyOf(isNumber, oneOf('auto')),
  batchSize: anyOf(isNumber, oneOf('auto')),
  rateMultiplier: anyOf(isNumber, oneOf('auto')),
  beta: anyOf(isNumber, oneOf('auto')),
});

export const isJobRequest: Shape = fieldsOf({
  id: isText,
  tenant: isText,
  createdMs: isNumber,
  model: isText,
  trainingFile: isText,
  validationFile: maybe(isText),
  suffix: isText,
  seed: isNumber,
  method: oneOf(...methods),
  hyperparameters: isHyperparameters,
  metadata: maybe(recordOf(isText)),
});

export const isJobProgress: Shape = fieldsOf({
  status: oneOf('validating_files', 'running', ...endings),
  hyperparameters: maybe(isHyperparameters),
  numSteps: maybe(isNumber),
  numDone: isCount,
  estimatedEndMs: maybe(isNumber),
  trainedTokens: maybe(isNumber),
  endedMs: maybe(isNumber),
  adapter: maybe(isText),
  fineTunedModel: maybe(isText),
  // A loss that is no number is written as null.
  metrics: maybe(fieldsOf({ trainLoss: maybe(isNumber), validationLoss: maybe(isNumber) })),
  error: maybe(fieldsOf({ code: isText, message: isText, param: maybe(isText) })),
});

export const isJobEvent: Shape = fieldsOf({
  id: isText,
  atMs: isNumber,
  level: oneOf('info', 'warn', 'error'),
  type: oneOf('message', 'metrics'),
  message: isText,
  data: maybe(recordOf(anyOf(isNumber, isText, isFlag, (value) => value === null))),
});
