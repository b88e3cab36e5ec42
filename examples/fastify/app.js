// A Fastify application whose changes are recorded.
import { AuditrailClient, Policy, Recorder } from "@auditrail/client";
import { auditrail } from "@auditrail/client/fastify";
import fastify from "fastify";

const recorder = await Recorder.open({ client: new AuditrailClient(), spoolDir: "audit-spool" });
const policy = Policy.load("audit.toml");
const actor = (request) => request.user && { actor: { type: "user", id: request.user.id } };

const app = fastify();
app.decorateRequest("user", null);
app.addHook("onRequest", async (request) => {
  // In place of your authentication.
  const id = request.headers["x-user"];
  request.user = id && { id };
});
await app.register(auditrail({ recorder, policy, actor })); // before the routes
app.delete("/projects/:id", (request, reply) => reply.code(request.user ? 204 : 401).send());

console.log(`listening on ${await app.listen({ port: process.env.PORT ?? 3000 })}`);
process.once("SIGTERM", async () => {
  await app.close();
  await recorder.close();
});
