/** An application to be killed: it answers, and has told nobody anything that its spool does not know. */
import { AuditrailClient, type FailurePolicy, Recorder } from "../src/index.js";
import { FRAMEWORKS, thingPolicy } from "./applications.js";
import { QUICK } from "./recorder-fixtures.js";

/** What the process is told. */
export interface AppOrders {
  readonly url: string;
  readonly key: string;
  readonly spoolDir: string;
  readonly framework: string;
  readonly failure: FailurePolicy;
}

const orders = JSON.parse(process.argv[2] ?? "{}") as AppOrders;

const client = new AuditrailClient({ url: orders.url, key: orders.key });
const recorder = await Recorder.open({ client, spoolDir: orders.spoolDir, ...QUICK });
const app = await FRAMEWORKS[orders.framework]?.({
  recorder,
  policy: thingPolicy(orders.failure),
  routes: { "POST /things/:id": ({ send }) => send(201, {}) },
});
process.stdout.write(`listening ${app?.url}\n`);
