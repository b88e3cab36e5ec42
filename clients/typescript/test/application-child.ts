/** Test fixture: an application that tests kill. */
import { AuditrailClient, type FailurePolicy, Recorder } from "../src/index.js";
import { FRAMEWORKS, thingPolicy } from "./applications.js";
import { QUICK } from "./recorder-fixtures.js";

/** Arguments of the process. */
export interface ApplicationArguments {
  readonly url: string;
  readonly key: string;
  readonly spoolDir: string;
  readonly framework: string;
  readonly failure: FailurePolicy;
}

const args = JSON.parse(process.argv[2] ?? "{}") as ApplicationArguments;

const client = new AuditrailClient({ url: args.url, key: args.key });
const recorder = await Recorder.open({ client, spoolDir: args.spoolDir, ...QUICK });
const app = await FRAMEWORKS[args.framework]?.({
  recorder,
  policy: thingPolicy(args.failure),
  routes: { "POST /things/:id": ({ send }) => send(201, {}) },
});
process.stdout.write(`listening ${app?.url}\n`);
