/**
 * Text that an import looks at activations with: prose, dialogue, code, figures and other scripts, since each of them
 * excites other channels. Written for this purpose; changing it changes what imports choose.
 */
export const calibrationText = `The mill stands where the river narrows. For two hundred years water has been led off above the weir,
through a stone channel that the villagers call the race, and back into the river below the wheel. When the gate
is raised by a hand's breadth the wheel begins to turn; when it is raised by two, the stones are at full speed,
and the miller can hear from across the yard whether the grain is running too thick.

"How do you know when to close it?" asked the girl.
"You listen," he said. "The water is never the same twice. In March it would drive three mills; in August I wait
until evening, and grind for an hour or two."

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

Question: A train leaves at 9:40 and arrives at 13:05. How long does the journey take?
Answer: From 9:40 to 13:00 there are 3 hours and 20 minutes; five more minutes make 3 hours and 25 minutes.

| year | rainfall (mm) | flour (t) |
| 1987 | 812.5 | 41.0 |
| 1988 | 640.2 | 33.7 |

Das Wasser treibt das Rad, und das Rad treibt den Stein. L'eau fait tourner la roue depuis l'aube. El molino no
descansa cuando el río baja crecido. Вода вращает колесо. 水车慢慢地转动。

Photosynthesis converts light energy into chemical energy: plants absorb carbon dioxide and water, and release
oxygen. In 1845 Julius Robert von Mayer proposed that energy is conserved in this process. The idea was received
coolly at first, and he had to publish it at his own expense.

Dear Ms. Alvarez,
thank you for your order no. 20418. Unfortunately the blue model is out of stock until 14 May; shall we send the
grey one instead, or would you rather wait? Kind regards, the shipping department.
`;
