/** For SDKs that look for credentials in the environment of their process, and nowhere else. */

/** Runs `work` with these variables and with none of a cloud's beside them. */
export async function inEnvironment(
  variables: Readonly<Record<string, string>>,
  work: (env: Readonly<Record<string, string>>) => Promise<void>,
): Promise<void> {
  const before = { ...process.env };
  const hidden = Object.keys(before).filter((name) =>
    /^(AWS|AZURE|GOOGLE|GCE|GCLOUD|IDENTITY|MSI|NO|HTTPS?)_/i.test(name),
  );
  for (const name of hidden) delete process.env[name];
  Object.assign(process.env, variables);
  try {
    await work(variables);
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, before);
  }
}
