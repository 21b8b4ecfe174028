import { z } from 'zod';

/** Who takes part in a call, as ACS writes it on the wire. */
export interface Identifier {
  readonly kind: 'communicationUser' | 'phoneNumber' | 'microsoftTeamsUser' | 'microsoftTeamsApp' | 'unknown';
  readonly rawId: string;
  readonly communicationUser?: { readonly id: string };
  readonly phoneNumber?: { readonly value: string };
  readonly microsoftTeamsUser?: { readonly userId: string };
  readonly microsoftTeamsApp?: { readonly appId: string };
}

/** An identifier in a request: any one of its forms is enough. */
export const identifierSchema = z
  .looseObject({
    kind: z.string().optional(),
    rawId: z.string().min(1).optional(),
    communicationUser: z.looseObject({ id: z.string().min(1) }).optional(),
    phoneNumber: z.looseObject({ value: z.string().min(1) }).optional(),
    microsoftTeamsUser: z.looseObject({ userId: z.string().min(1) }).optional(),
    microsoftTeamsApp: z.looseObject({ appId: z.string().min(1) }).optional(),
  })
  .transform((value, context): Identifier => {
    const identifier = normalize(value);
    if (identifier) return identifier;
    context.addIssue({ code: 'custom', message: 'The identifier names nobody.' });
    return z.NEVER;
  });

interface LooseIdentifier {
  rawId?: string | undefined;
  communicationUser?: { id: string } | undefined;
  phoneNumber?: { value: string } | undefined;
  microsoftTeamsUser?: { userId: string } | undefined;
  microsoftTeamsApp?: { appId: string } | undefined;
}

function normalize(value: LooseIdentifier): Identifier | undefined {
  if (value.phoneNumber) return phone(value.phoneNumber.value);
  if (value.communicationUser) return user(value.communicationUser.id);
  if (value.microsoftTeamsUser) {
    const { userId } = value.microsoftTeamsUser;
    return {
      kind: 'microsoftTeamsUser',
      rawId: value.rawId ?? `8:orgid:${userId}`,
      microsoftTeamsUser: { userId },
    };
  }
  if (value.microsoftTeamsApp) {
    const { appId } = value.microsoftTeamsApp;
    return {
      kind: 'microsoftTeamsApp',
      rawId: value.rawId ?? `28:orgid:${appId}`,
      microsoftTeamsApp: { appId },
    };
  }
  return value.rawId === undefined ? undefined : fromRawId(value.rawId);
}

/** A telephone number, E.164. */
export function phone(value: string): Identifier {
  return { kind: 'phoneNumber', rawId: `4:${value}`, phoneNumber: { value } };
}

/** A user of the ACS resource, for instance the application itself. */
export function user(id: string): Identifier {
  return { kind: 'communicationUser', rawId: id, communicationUser: { id } };
}

/** The identifier that a raw id stands for. */
export function fromRawId(rawId: string): Identifier {
  if (rawId.startsWith('4:')) return phone(rawId.slice(2));
  if (rawId.startsWith('8:acs:')) return user(rawId);
  return { kind: 'unknown', rawId };
}
