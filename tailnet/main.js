// States of stacks from before lib/ name this file: `pulumi destroy` runs it for those that saw no `up` since.
require("../lib/tailnet/main.js");
