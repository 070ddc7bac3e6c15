import type { EventStore, JSONRPCMessage } from '@modelcontextprotocol/server';

/** What a session sent, for clients that come back with `Last-Event-ID`. It lives as long as the session. */
export class Replay implements EventStore {
  private readonly events: { stream: string; message: JSONRPCMessage }[] = [];

  storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    this.events.push({ stream, message });
    return Promise.resolve(`${this.events.length}`);
  }

  getStreamIdForEventId(id: string): Promise<string | undefined> {
    return Promise.resolve(this.events[Number(id) - 1]?.stream);
  }

  async replayEventsAfter(last: string, { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> }): Promise<string> {
    const stream = this.events[Number(last) - 1]?.stream;
    if (stream === undefined) throw new Error(`there is no event ${last}`);
    for (let index = Number(last); index < this.events.length; index += 1) {
      const event = this.events[index]!;
      // An event without a message only names the place to come back to.
      if (event.stream === stream && Object.keys(event.message).length > 0) await send(`${index + 1}`, event.message);
    }
    return stream;
  }
}
