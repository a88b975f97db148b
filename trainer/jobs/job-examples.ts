/** The rows of an uploaded file as examples with their lengths in tokens: what a job learns from, or is measured on. */

import type { JobRequest } from '../../core/jobs/job.ts';
import { readTrainingRows } from '../../core/jobs/training-file.ts';
import type { TrainingRow } from '../../core/jobs/training-row.ts';
import { messageOf } from '../../core/message-of.ts';
import { answersOf, type Example } from '../examples/example.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import { JobFailure } from './job-failure.ts';

export interface JobExample {
  readonly example: Example;
  /** Of all its texts. */
  readonly numTokens: number;
}

export interface ReadOptions {
  readonly model: Pick<TrainableModel, 'encoder'>;
  readonly job: JobRequest;
  /** Folder of the files. */
  readonly folder: string;
  readonly maxTokens: number;
  readonly pace: () => Promise<void>;
}

export interface JobExamples {
  readonly examples: readonly JobExample[];
  /** Those that were left out because one of their texts is too long. */
  readonly numTooLong: number;
}

/** Lines between two looks at whether training may go on. */
const paceLines = 64;

/** `param` says which of the job's files it is. Throws JobFailure. */
export async function readExamples(
  options: ReadOptions,
  id: string,
  param: 'training_file' | 'validation_file',
): Promise<JobExamples> {
  const rows = await readTrainingRows(options.folder, id);
  if (rows === null) throw new JobFailure('file_not_found', `The file ${id} was deleted.`, param);
  const examples: JobExample[] = [];
  let numTooLong = 0;
  for (const [index, row] of rows.entries()) {
    if (index % paceLines === 0) await options.pace();
    for (const example of examplesOf(row, index + 1, options.job)) {
      const lengths = lengthsOf(example, options, `Line ${index + 1} of ${id}`, param);
      if (lengths.some((length) => length > options.maxTokens)) numTooLong++;
      else examples.push({ example, numTokens: lengths.reduce((sum, length) => sum + length, 0) });
    }
  }
  if (examples.length > 0) return { examples, numTooLong };
  const message = `Every text of ${id} has more than ${options.maxTokens} tokens.`;
  throw new JobFailure('invalid_file', message, param);
}

/** An answer of a conversation is learned from all that stands before it. */
function examplesOf(row: TrainingRow, line: number, { tenant, model, createdMs }: JobRequest): Example[] {
  const source = { tenant, account: tenant, model, receivedMs: createdMs };
  const chat = (messages: TrainingRow['messages']) => ({ kind: 'chat' as const, messages });
  if (row.kind === 'chat') {
    return row.answers.map((at) => ({
      ...source,
      id: `${line}.${at}`,
      context: chat(row.messages.slice(0, at)),
      kind: 'answer',
      answer: row.messages[at]!.content,
    }));
  }
  const { messages, preferred: better, other: rejected } = row;
  const context = chat(messages);
  return [{ ...source, id: String(line), context, kind: 'pair', chosen: better, rejected }];
}

function lengthsOf(example: Example, { model }: ReadOptions, place: string, param: string): number[] {
  try {
    return answersOf(example).map((answer) => {
      const { tokens, from } = model.encoder.encode(example.context, answer);
      if (from < 1 || from >= tokens.length)
        throw new Error('it has no token in front of the answer, or none in it');
      return tokens.length;
    });
  } catch (error) {
    const reason = messageOf(error);
    throw new JobFailure('invalid_file', `${place} cannot be used with this model: ${reason}`, param);
  }
}
