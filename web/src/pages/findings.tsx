export const Findings = () => null;
