/**
 * The layers of the house. Each rule is proved by a planted violation in test/unit/layers.test.ts.
 * A path matches both a resolved package (node_modules/ioredis/…) and a bare, unresolved name (ioredis).
 */
const npm = (names) => `(^|node_modules/)(${names})(/|$)`;
const core = (names) => `^(node:)?(${names})(/|$)`;

const IO_PACKAGES = npm(
  'ioredis|@azure|@dapr|express|ws|undici|pino|@opentelemetry|onnxruntime-node|@vercel|autocannon|commander',
);
const IO_CORE = core(
  'fs|net|http|https|http2|dgram|dns|tls|child_process|worker_threads|cluster|readline|repl|inspector',
);
const TEST = '\\.test\\.ts$';
/** Files directly under src/ that wire or configure a process; the others there (errors, ids) are pure. */
const WIRING = '^src/(main|index|config)\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'A cycle has no first file to load. Move what both need beside or below them; a type may be named both ways.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      comment: 'An import that resolves to nothing fails at run time.',
      severity: 'error',
      from: { path: '^(src|tools|test)/' },
      // What the build makes is not there in a fresh clone.
      to: { couldNotResolve: true, pathNot: '/dist/' },
    },
    {
      name: 'pure-no-io',
      comment: 'call/ and privacy/ do no I/O: of Node they may use crypto, buffer and util.',
      severity: 'error',
      from: { path: '^src/(call|privacy)/', pathNot: TEST },
      to: { dependencyTypes: ['core'], pathNot: core('crypto|buffer|util') },
    },
    {
      name: 'pure-no-io-packages',
      comment: 'call/ and privacy/ know no store, no transport, no telemetry, not even by type.',
      severity: 'error',
      from: { path: '^src/(call|privacy)/', pathNot: TEST },
      to: { path: IO_PACKAGES },
    },
    {
      name: 'pure-inward',
      comment: 'call/ and privacy/ import each other and the pure files directly under src/.',
      severity: 'error',
      from: { path: '^src/(call|privacy)/', pathNot: TEST },
      to: { path: ['^src/(?!call/|privacy/)[^/]+/', WIRING] },
    },
    {
      name: 'pure-all-the-way',
      comment: 'call/ and privacy/ reach no I/O through another file either.',
      severity: 'error',
      from: { path: '^src/(call|privacy)/', pathNot: TEST },
      to: { path: [IO_CORE, IO_PACKAGES], reachable: true },
    },
    {
      name: 'media-through-ports',
      comment: 'media/ declares the ports it needs; stores and the ACS client stand behind them.',
      severity: 'error',
      from: { path: '^src/media/', pathNot: TEST },
      to: { path: ['^src/stores/', '^src/acs/client', npm('ioredis|@azure|@dapr')] },
    },
    {
      name: 'actors-through-ports',
      comment: 'actors/ declare the ports they need; of stores/ they may import types.',
      severity: 'error',
      from: { path: '^src/actors/', pathNot: TEST },
      to: {
        path: ['^src/stores/', npm('ioredis|@azure')],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'simulator-apart',
      comment: 'The simulator stands for Microsoft: it knows nothing of the worker it calls.',
      severity: 'error',
      from: { path: '^src/simulator/', pathNot: TEST },
      to: { path: '^(src/(?!simulator/|audio/)|tools/|test/)' },
    },
    {
      name: 'audio-apart',
      comment: 'audio/ is shared by the worker and the simulator, so it knows neither.',
      severity: 'error',
      from: { path: '^src/audio/', pathNot: TEST },
      to: { path: '^(src/(?!audio/)|tools/|test/)' },
    },
    {
      name: 'frontdoor-apart',
      comment: 'The front door is an ingress: of the worker it reads only the description of the stack.',
      severity: 'error',
      from: { path: '^src/frontdoor/', pathNot: TEST },
      to: { path: '^(src/(?!frontdoor/)|tools/|test/)', pathNot: '^src/ops/stack-file\\.ts$' },
    },
    {
      name: 'checker-apart',
      comment: 'What judges a run of the chaos suite shares no code with the worker that it judges.',
      severity: 'error',
      from: { path: '^test/chaos/check/', pathNot: TEST },
      to: { path: '^(src/(?!simulator/)|tools/|test/(?!chaos/check/))' },
    },
    {
      name: 'src-stands-alone',
      comment: 'Nothing that ships imports tools, tests or test files.',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST },
      to: { path: ['^(tools|test)/', TEST] },
    },
    {
      name: 'no-dev-packages',
      comment: 'What ships runs without devDependencies. Types of Node and packages are erased.',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: npm('@types') },
    },
    {
      name: 'main-is-the-root',
      comment: 'Only the process entry wires everything: nobody imports it.',
      severity: 'error',
      from: { pathNot: TEST },
      to: { path: '^src/main\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Only our own folders: packages have a dist/ too, and must not escape the rules by it.
    exclude: { path: '^(dist|coverage|console|tools/dapr|\\.rtvoice)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
    },
  },
};
