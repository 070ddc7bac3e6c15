/** The process cannot start. The message is for whoever starts it: what is wrong and what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
