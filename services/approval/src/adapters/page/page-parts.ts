import type { Provider, Type } from '@nestjs/common';
import { pageSettings, type PlaceSettings } from '../../places.js';
import { Standings } from '../standings.js';
import { DelegationsController } from './delegations.controller.js';
import { LoginController } from './login.controller.js';
import { PageController } from './page.controller.js';
import { PAGE_SETTINGS, Visitors } from './visitors.js';

/** What the page needs; nothing where it is not set up. Throws SettingsError when only a part is. */
export function pageParts(settings: PlaceSettings): { readonly controllers: readonly Type[]; readonly providers: readonly Provider[] } {
  const page = pageSettings(settings);
  if (page === undefined) return { controllers: [], providers: [] };
  return { controllers: [LoginController, DelegationsController, PageController], providers: [{ provide: PAGE_SETTINGS, useValue: page }, Visitors, Standings] };
}
