interface Dependent<T> {
  type: string;
  dependencies: T[];
}

/**
 * What is made first, first: the engine gives a stack's resources in any order. Droplets come as early as what they
 * depend on lets them, so that what merely happens to be made before one does not count.
 */
export function inOrder<T extends Dependent<T>>(resources: readonly T[]): T[] {
  const ordered = new Set<T>();
  const visit = (resource: T): void => {
    if (ordered.has(resource)) return;
    resource.dependencies.forEach(visit);
    ordered.add(resource);
  };
  const isDroplet = ({ type }: T) => type.endsWith(":Droplet");
  [...resources.filter(isDroplet), ...resources].forEach(visit);
  return [...ordered];
}
