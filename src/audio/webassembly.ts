/** The part of WebAssembly used here; its full types come only with those of a browser. */
export interface WebAssemblyApi {
  compile(bytes: Uint8Array): Promise<WasmModule>;
  Instance: new (module: WasmModule, imports: Record<string, Record<string, unknown>>) => WasmInstance;
}

export type WasmModule = object;

export interface WasmInstance {
  exports: Record<string, unknown>;
}
