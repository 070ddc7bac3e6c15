import { main } from '@customhouse/nest/main';
import { registryService } from './service.js';

await main(registryService);
