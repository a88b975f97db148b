/** A graph whose chosen weights are inputs instead, so that a step can be taken on them. */
import { type ExternalTensor, GraphBuilder, type Value } from '../../core/onnx/graph.ts';

export class ParameterGraph extends GraphBuilder {
  /** Weights that became inputs, in the order of their first use. */
  readonly parameters = new Map<string, ExternalTensor>();
  private readonly isTrained: (name: string) => boolean;

  constructor(dataFile: string, isTrained: (name: string) => boolean) {
    super(dataFile);
    this.isTrained = isTrained;
  }

  override external(tensor: ExternalTensor): Value {
    if (!this.isTrained(tensor.name)) return super.external(tensor);
    if (!this.parameters.has(tensor.name)) {
      this.parameters.set(tensor.name, tensor);
      this.input(tensor.name, tensor.type, tensor.dims);
    }
    return tensor.name;
  }
}
