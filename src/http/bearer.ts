/** The door of an API with one bearer token: who has not got it is answered 401, counted and logged. */
import type { NextFunction, Request, Response } from 'express';
import { isOneOf } from '../acs/auth/secret.js';
import { AUTH_CODES } from '../acs/codes.js';
import type { SecurityEvents } from './authenticate.js';
import { sendProblem } from './problem.js';

/** Middleware that lets requests with `Authorization: Bearer TOKEN` through. */
export const requireBearer =
  (token: string, security: SecurityEvents) =>
  (request: Request, response: Response, next: NextFunction): void => {
    const given = /^Bearer +(\S{1,1024}) *$/i.exec(request.headers.authorization ?? '')?.[1];
    if (given !== undefined && isOneOf(given, [token])) {
      next();
      return;
    }
    const code = given === undefined ? AUTH_CODES.missing : 'RTV_UNAUTHORIZED';
    security.record({ code, door: 'api' });
    sendProblem(response, code);
  };
