import { applyDecorators, HttpCode, RequestMapping, RequestMethod, SetMetadata } from '@nestjs/common';
import { successStatus, type Route } from '@customhouse/http-contract/route';
import { accessMetadata } from './access.js';

/**
 * Serves a declared route: method, path, roles and status come from its declaration. The parameters still name their schema:
 * `@Handle(auditRoutes.search) search(@Query({ schema: auditRoutes.search.query }) query: QueryOf<typeof auditRoutes.search>)`.
 */
export function Handle(route: Route): MethodDecorator {
  return applyDecorators(RequestMapping({ method: RequestMethod[route.method], path: route.path }), HttpCode(successStatus(route)), SetMetadata(accessMetadata, route.roles));
}
