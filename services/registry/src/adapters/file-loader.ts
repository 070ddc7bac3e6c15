import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { rowsOf } from '@customhouse/event-store/sql';
import { inTransaction } from '@customhouse/event-store/transaction';
import { dataSourceOf, LOGGER } from '@customhouse/nest/tokens';
import { REGISTRY_SETTINGS, type RegistrySettings } from '../config.js';
import { readServersFile } from './servers-file.js';
import { Servers } from './servers.js';

const by = 'servers-file';

/** Brings the servers file in at start. A mistake in it ends the start, so that it is seen. */
@Injectable()
export class FileLoader implements OnApplicationBootstrap {
  constructor(
    @Inject(dataSourceOf('registry')) private readonly dataSource: DataSource,
    @Inject(REGISTRY_SETTINGS) private readonly settings: RegistrySettings,
    @Inject(Servers) private readonly servers: Servers,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (this.settings.serversFile === undefined) return;
    for (const { name, transport, enabled } of readServersFile(this.settings.serversFile)) {
      await inTransaction(
        this.dataSource,
        async (tx) => {
          const [known] = await rowsOf(tx, 'select name from servers where name = $1', [name]);
          if (known) await this.servers.change(tx, name, { transport, enabled, by });
          else await this.servers.register(tx, name, { transport, enabled, by });
        },
        { repeatable: true },
      );
    }
    this.logger.info({ file: this.settings.serversFile }, 'the servers file was read');
  }
}
