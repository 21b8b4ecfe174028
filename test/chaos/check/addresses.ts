/** Where a run's parts are, and what opens them. Reached as they are, past the network that a run cuts. */
export interface Addresses {
  readonly redis: { readonly host: string; readonly port: number; readonly password: string };
  /** Without a slash at the end. */
  readonly cosmos: string;
  /** Public port of each worker, HTTP port of its sidecar. */
  readonly workers: readonly { readonly url: string; readonly sidecarUrl: string }[];
  readonly daprApiToken: string;
  readonly apiToken: string;
  /** The second segment of every key. */
  readonly environment: string;
}
