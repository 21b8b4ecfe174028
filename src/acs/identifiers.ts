import type { CallInvite } from '@azure/communication-call-automation';
import { asObject, asText, compact } from './fields.js';

/** What a raw id stands for, in ACS's own words. */
export type ParticipantKind =
  | 'phoneNumber'
  | 'communicationUser'
  | 'microsoftTeamsUser'
  | 'microsoftTeamsApp'
  | 'teamsExtensionUser'
  | 'unknown';

/**
 * One end of a call. Personal data: neither raw id nor number may reach logs, spans, metric labels,
 * file names or URLs.
 */
export interface CallParty {
  /** ACS raw id, e.g. `4:+1…` or `8:acs:…`. */
  readonly rawId: string;
  readonly kind: ParticipantKind;
  /** E.164, only for a phone number that is not withheld. */
  readonly phoneNumber?: string;
}

const MAX_RAW_ID = 512;
const MAX_PHONE = 64;
const KINDS: readonly ParticipantKind[] = [
  'phoneNumber',
  'communicationUser',
  'microsoftTeamsUser',
  'microsoftTeamsApp',
  'teamsExtensionUser',
];

/** Kind of a raw id, by its prefix. */
export function kindOfRawId(rawId: string): ParticipantKind {
  if (rawId.startsWith('4:')) return 'phoneNumber';
  const scope = /^(8|28):([a-z-]+):/.exec(rawId);
  if (!scope) return 'unknown';
  const [, family, name] = scope;
  if (family === '28') return 'microsoftTeamsApp';
  switch (name) {
    case 'acs':
    case 'gcch-acs':
    case 'dod-acs':
      return rawId.slice(scope[0].length).split('_').length === 3
        ? 'teamsExtensionUser'
        : 'communicationUser';
    case 'spool':
      return 'communicationUser';
    case 'orgid':
    case 'gcch':
    case 'dod':
    case 'teamsvisitor':
      return 'microsoftTeamsUser';
    default:
      return 'unknown';
  }
}

/** Reads a CommunicationIdentifier as it lies on the wire. Undefined when nothing in it is usable. */
export function readParty(value: unknown): CallParty | undefined {
  const model = asObject(value);
  if (!model) return undefined;
  const number = asText(asObject(model.phoneNumber)?.value, MAX_PHONE);
  const user = asText(asObject(model.communicationUser)?.id, MAX_RAW_ID);
  const rawId = asText(model.rawId, MAX_RAW_ID) ?? (number ? `4:${number}` : user);
  if (!rawId) return undefined;
  const named = KINDS.find((kind) => kind === model.kind || asObject(model[kind]) !== undefined);
  const kind = named ?? kindOfRawId(rawId);
  const phoneNumber =
    kind === 'phoneNumber' ? (number ?? asText(rawId.replace(/^4:/, ''), MAX_PHONE)) : undefined;
  return compact({ rawId, kind, phoneNumber: phoneNumber === 'anonymous' ? undefined : phoneNumber });
}

/** The identifier type that the SDK takes for a target. */
export type SdkIdentifier = CallInvite['targetParticipant'];

/** The SDK's identifier for a raw id; it puts the same raw id on the wire. */
export function toSdkIdentifier(rawId: string): SdkIdentifier {
  switch (kindOfRawId(rawId)) {
    case 'phoneNumber':
      return { phoneNumber: rawId.slice(2), rawId };
    case 'communicationUser':
      return { communicationUserId: rawId };
    case 'microsoftTeamsUser':
      return {
        microsoftTeamsUserId: rawId.split(':').slice(2).join(':'),
        isAnonymous: rawId.startsWith('8:teamsvisitor:'),
        cloud: cloudOf(rawId),
        rawId,
      };
    case 'microsoftTeamsApp':
      return { teamsAppId: rawId.split(':').slice(2).join(':'), cloud: cloudOf(rawId), rawId };
    case 'teamsExtensionUser': {
      const [resourceId = '', tenantId = '', userId = ''] = rawId.split(':').slice(2).join(':').split('_');
      return { userId, tenantId, resourceId, cloud: cloudOf(rawId), rawId };
    }
    default:
      // The SDK's invite type leaves the unknown identifier out, its serialiser takes it.
      return { id: rawId } as unknown as SdkIdentifier;
  }
}

function cloudOf(rawId: string): 'public' | 'dod' | 'gcch' {
  if (/^(8|28):gcch/.test(rawId)) return 'gcch';
  return /^(8|28):dod/.test(rawId) ? 'dod' : 'public';
}
