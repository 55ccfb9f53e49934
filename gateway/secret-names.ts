import { createHash } from "node:crypto";
import type { HermesConfig, SecretReference } from "../config/types";

/** The secrets that the gateway reads on the droplet, in a stable order. Keys for SSH are not among them. */
export function gatewaySecretNames(config: HermesConfig): string[] {
  const names = new Set(["gatewayToken"]);
  if (usedModels(config).some((model) => model.startsWith("openrouter/"))) names.add("openrouterApiKey");
  if (config.telegram !== undefined) names.add("telegramBotToken");
  for (const server of Object.values(config.mcpServers)) {
    for (const value of Object.values("url" in server ? server.headers : server.env)) {
      if (isReference(value)) names.add(value.secret);
    }
  }
  return [...names].sort();
}

/** What opens the bucket of the backups; without one nothing goes to the droplet. `backupKey` never does. */
export const backupSecretNames = (config: HermesConfig): string[] =>
  config.backup.to === undefined ? [] : ["backupS3KeyId", "backupS3Secret"];

/** For root alone: the gateway has no business with them. */
export const isRootSecret = (name: string): boolean => ["backupS3KeyId", "backupS3Secret"].includes(name);

/** Every model that some agent may use, each once, in the order of the chain. */
export function usedModels(config: HermesConfig): string[] {
  const own = Object.values(config.agents).flatMap((agent) => (agent.model === undefined ? [] : [agent.model]));
  return [...new Set([config.models.primary, ...config.models.fallbacks, ...own])];
}

export const isReference = (value: string | SecretReference): value is SecretReference => typeof value === "object";

/**
 * Name of the secret provider in openclaw.json. OpenClaw takes /^[a-z][a-z0-9_-]{0,63}$/ only, names of secrets may have
 * capitals and 64 characters: what does not fit gets a hash, so that two names never share a provider.
 */
export function providerName(name: string): string {
  const known: Record<string, string> = {
    gatewayToken: "gateway-token",
    openrouterApiKey: "openrouter-api-key",
    telegramBotToken: "telegram-bot-token",
  };
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return known[name] ?? `${name.toLowerCase().slice(0, 48)}-${digest}`;
}

/** Environment variable that carries a secret to where OpenClaw takes no reference: the headers of MCP servers. */
export function secretVariable(name: string): string {
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `HERMES_SECRET_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}_${digest.toUpperCase()}`;
}

/** Secrets that go to the gateway by environment, see {@link secretVariable}. */
export function headerSecretNames(config: HermesConfig): string[] {
  const names = Object.values(config.mcpServers).flatMap((server) =>
    "url" in server
      ? Object.values(server.headers)
          .filter(isReference)
          .map((reference) => reference.secret)
      : [],
  );
  return [...new Set(names)].sort();
}
