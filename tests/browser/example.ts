import { Upshot, UpshotProblem } from "https://upshot.example/client.js";
import type { Outcome, Period, TeamAnalytics } from "https://upshot.example/client.js";

const upshot = new Upshot({
  baseUrl: "https://upshot.example",
  token: async () => (await fetch("/upshot-token")).text(),
});

/** How many percent of the team's sessions were completed, and the change since the period before. */
export async function completion(period: Period): Promise<[number, number | null]> {
  const { summary, previous }: TeamAnalytics = await upshot.team({ period, previous: true });
  const change = previous?.change.completion_rate ?? null;
  return [100 * summary.completion_rate, change && 100 * change];
}

export async function bestFlows(period: Period) {
  const { top_flows } = await upshot.me({ period });
  const flow = top_flows[0] && (await upshot.flow(top_flows[0].tree_id, { period }));
  return flow?.steps.map((step) => `${step.title}: ${step.drop_offs} gave up here`);
}

export async function oneSession(flow_id: string, outcome: Outcome) {
  const { session_id } = await upshot.start({ flow_id });
  await upshot.visit(session_id, { step_id: "check-cable" });
  await upshot.vote("check-cable", { session_id, was_helpful: true });
  await upshot.withdraw("check-cable", session_id);
  await upshot.complete(session_id, { outcome });
  try {
    await upshot.rate(session_id, { rating: 5, comment: "Quick." });
  } catch (problem) {
    if (!(problem instanceof UpshotProblem && problem.code === "already_rated")) throw problem;
  }
}
