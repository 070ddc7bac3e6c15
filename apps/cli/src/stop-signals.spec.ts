import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { listenForStop } from './stop-signals.js';

function listening() {
  const source = new EventEmitter();
  const heard: string[] = [];
  let time = 1000;
  listenForStop(
    source,
    () => time,
    () => heard.push('stop'),
    () => heard.push('at once'),
  );
  return { source, heard, wait: (milliseconds: number) => (time += milliseconds) };
}

describe('a stop', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect'])('is asked for by %s', (event) => {
    const { source, heard } = listening();
    source.emit(event);
    expect(heard).toEqual(['stop']);
  });

  it('is asked for once when one Ctrl-C arrives by several ways', () => {
    const { source, heard, wait } = listening();
    source.emit('SIGINT');
    wait(3);
    source.emit('SIGINT');
    wait(40);
    source.emit('SIGTERM');
    wait(40);
    source.emit('disconnect');
    expect(heard).toEqual(['stop']);
  });

  it('happens at once when somebody presses again', () => {
    const { source, heard, wait } = listening();
    source.emit('SIGINT');
    wait(1500);
    source.emit('SIGINT');
    expect(heard).toEqual(['stop', 'at once']);
  });

  it('is not hastened by a parent that goes meanwhile', () => {
    const { source, heard, wait } = listening();
    source.emit('SIGINT');
    wait(1500);
    source.emit('disconnect');
    expect(heard).toEqual(['stop']);
  });
});
