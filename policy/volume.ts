import type { Rule } from "./types";

export const protectedVolume: Rule = {
  name: "protected-volume",
  says: "A volume is protected: state outlives every destroy, except in sandboxes.",
  one: ({ type, protect }, { sandbox }) =>
    type !== "digitalocean:index/volume:Volume" || protect || sandbox
      ? []
      : [{ found: "it is not protected, and holds the agents' state", fix: "Give it the option protect: true." }],
};
