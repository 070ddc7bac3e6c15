import { MemoryLog } from '@customhouse/event-log/memory';
import { conformance } from '../test/conformance.js';

const log = new MemoryLog();

conformance('memory', {
  open: () => Promise.resolve(log),
  expire: (_, topic, partition, before) => {
    log.expire(topic, partition, before);
    return Promise.resolve();
  },
});
