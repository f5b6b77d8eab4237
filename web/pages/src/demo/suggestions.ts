/** A question that is ready to be asked. name: what it is called on its button. */
interface Suggestion {
  name: string;
  text: string;
}

const LINES = [
  "A train goes into the mountain, and for a while nobody hears of it.",
  "The clock in the station goes on. So does the one who tells this story.",
  "Every word is written down before it is said, with the number of its place.",
  "When the train comes out at the other side it says which place it had heard last.",
  "Then it is told the rest: once, in order, and not a word more.",
];

/** The embedded provider says back what it is told, so it is given what is worth saying; a real one is asked. */
export function suggestions(provider: "embedded" | "upstream"): Suggestion[] {
  if (provider === "upstream") {
    return [
      { name: "A long story", text: "Tell a story of about 1,000 words in which a train goes through a tunnel." },
      { name: "Count to 300", text: "Count from 1 to 300, in words, separated by commas. Nothing else." },
    ];
  }
  return [
    { name: "A story of half a minute", text: story(8) },
    { name: "Count to 300", text: Array.from({ length: 300 }, (_, number) => number + 1).join(" ") },
    { name: "An answer of 10,000 words", text: story(145) },
  ];
}

/** Some 70 words each time. */
function story(times: number): string {
  return Array.from({ length: times }, (_, number) => `Part ${number + 1}\n${LINES.join("\n")}`).join("\n\n");
}
