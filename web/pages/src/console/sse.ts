/** One of Server-Sent Events. */
export interface Message {
  id: string;
  event: string;
  data: string;
}

/** Takes a stream of Server-Sent Events apart, as https://html.spec.whatwg.org/#server-sent-events has them. Pure. */
export class SseParser {
  #rest = "";

  /** The events that are whole with this piece of text. */
  push(text: string): Message[] {
    const blocks = (this.#rest + text).replaceAll("\r\n", "\n").split("\n\n");
    this.#rest = blocks.pop() ?? "";
    return blocks.map(parsed).filter((message) => message.data !== "");
  }
}

function parsed(block: string): Message {
  const message = { id: "", event: "message", data: [] as string[] };
  for (const line of block.split("\n")) {
    const [name = "", value = ""] = line.split(/: ?(.*)/s);
    if (name === "data") message.data.push(value);
    if (name === "id" || name === "event") message[name] = value;
  }
  return { ...message, data: message.data.join("\n") };
}
