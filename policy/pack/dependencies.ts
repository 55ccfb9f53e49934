interface Dependent<T> {
  dependencies: readonly T[];
}

/** All that a resource depends on, also through others. */
export function dependenciesOf<T extends Dependent<T>>(resource: T): T[] {
  const found = new Set<T>();
  const visit = ({ dependencies }: T): void => {
    for (const each of dependencies) {
      if (found.has(each)) continue;
      found.add(each);
      visit(each);
    }
  };
  visit(resource);
  return [...found];
}
