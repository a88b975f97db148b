/** What models do in OpenTelemetry's conventions for generative AI (semantic-conventions-genai, in development). */
import type { Content, Generation, Inference } from './tracing.ts';

export type AttributeValue = string | number | boolean | string[];
export type SpanAttributes = Record<string, AttributeValue>;

/** A custom value, as the conventions allow. */
const provider = 'millrace';

/** "{gen_ai.operation.name} {gen_ai.request.model}" */
export const inferenceName = ({ operation, requestModel }: Inference): string =>
  `${operation} ${requestModel}`;

export function inferenceAttributes(inference: Inference, hasContent: boolean): SpanAttributes {
  const { operation, requestModel, responseModel, version, inputTokens, errorType, generation } = inference;
  return {
    'gen_ai.operation.name': operation,
    'gen_ai.provider.name': provider,
    'gen_ai.request.model': requestModel,
    'gen_ai.response.model': responseModel,
    'gen_ai.usage.input_tokens': inputTokens,
    'millrace.version': version,
    ...(errorType === null ? {} : { 'error.type': errorType }),
    ...(generation === null ? {} : generationAttributes(generation)),
    ...(generation === null || !hasContent ? {} : contentAttributes(generation, generation.content())),
  };
}

function generationAttributes(generation: Generation): SpanAttributes {
  const { sampling, numChoices, stop, finishReasons, ttftMs } = generation;
  return {
    'gen_ai.request.stream': generation.isStream,
    'gen_ai.request.max_tokens': generation.maxTokens,
    'gen_ai.request.temperature': sampling.temperature,
    'gen_ai.request.top_p': sampling.topP,
    'gen_ai.request.frequency_penalty': sampling.frequencyPenalty,
    'gen_ai.request.presence_penalty': sampling.presencePenalty,
    'gen_ai.request.seed': sampling.seed,
    ...(sampling.topK === 0 ? {} : { 'gen_ai.request.top_k': sampling.topK }),
    ...(numChoices === 1 ? {} : { 'gen_ai.request.choice.count': numChoices }),
    ...(stop.length === 0 ? {} : { 'gen_ai.request.stop_sequences': [...stop] }),
    'gen_ai.response.id': generation.responseId,
    ...(finishReasons.length === 0 ? {} : { 'gen_ai.response.finish_reasons': [...finishReasons] }),
    ...(ttftMs === null ? {} : { 'gen_ai.response.time_to_first_chunk': ttftMs / 1000 }),
    'gen_ai.usage.output_tokens': generation.outputTokens,
    'gen_ai.usage.cache_read.input_tokens': generation.cachedTokens,
  };
}

/** Messages are JSON text, as the conventions ask where attributes hold no objects. */
function contentAttributes({ finishReasons }: Generation, { input, output }: Content): SpanAttributes {
  const said = (role: string, content: string) => ({ role, parts: [{ type: 'text', content }] });
  return {
    'gen_ai.input.messages': JSON.stringify(input.map(({ role, content }) => said(role, content))),
    'gen_ai.output.messages': JSON.stringify(
      output.map((text, index) => ({
        ...said('assistant', text),
        finish_reason: finishReasons[index] ?? 'error',
      })),
    ),
  };
}
