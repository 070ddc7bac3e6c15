import { main } from '@customhouse/nest/main';
import { scannerService } from './service.js';

await main(scannerService);
