/** Indices of the `count` largest values, best first; equal values in order of index. O(n log count), one pass. */
export function topIndices(values: Float32Array, count: number): number[] {
  const wanted = Math.min(count, values.length);
  if (wanted === 0) return [];
  // A heap whose root is the worst one kept.
  const heap: number[] = [];
  const isWorse = (a: number, b: number): boolean =>
    values[a]! < values[b]! || (values[a]! === values[b]! && a > b);
  for (let index = 0; index < values.length; index++) {
    if (heap.length < wanted) {
      heap.push(index);
      siftUp(heap, isWorse);
    } else if (values[index]! > values[heap[0]!]!) {
      heap[0] = index;
      siftDown(heap, isWorse);
    }
  }
  return heap.sort((a, b) => (isWorse(a, b) ? 1 : -1));
}

type Order = (a: number, b: number) => boolean;

function siftUp(heap: number[], isWorse: Order): void {
  let child = heap.length - 1;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (!isWorse(heap[child]!, heap[parent]!)) return;
    [heap[child], heap[parent]] = [heap[parent]!, heap[child]!];
    child = parent;
  }
}

function siftDown(heap: number[], isWorse: Order): void {
  let parent = 0;
  for (;;) {
    let worst = parent;
    for (const child of [2 * parent + 1, 2 * parent + 2]) {
      if (child < heap.length && isWorse(heap[child]!, heap[worst]!)) worst = child;
    }
    if (worst === parent) return;
    [heap[parent], heap[worst]] = [heap[worst]!, heap[parent]!];
    parent = worst;
  }
}
