/**
 * Keys that say what they are: a beginning that nothing else has, and the form of the rest. Sources: each issuer's
 * documentation, compared with the rules of gitleaks 8 (config/gitleaks.toml).
 */

export interface KeyFormat {
  readonly prefix: string;
  /** What follows, sticky and bounded. */
  readonly rest: RegExp;
  /** Whether identifiers begin and go on like it, so that the rest must look random. */
  readonly isWordLike: boolean;
}

/** Beginnings of one issuer, separated by spaces, and the form they share. */
const issuers: readonly (readonly [string, RegExp, 'word-like'?])[] = [
  // AWS access key ids.
  ['AKIA ASIA ABIA ACCA AROA AIDA', /[A-Z2-7]{16}(?![A-Za-z0-9])/y],
  // GitHub, classic and fine-grained.
  ['ghp_ gho_ ghu_ ghs_ ghr_', /[A-Za-z0-9]{36,251}/y],
  ['github_pat_', /[A-Za-z0-9_]{36,244}/y, 'word-like'],
  // GitLab: personal, deploy, runner, trigger, CI job, feed, agent, SCIM, OAuth.
  [
    'glpat- gldt- glrt- glrtr- glptt- glcbt- glft- glagent- glsoat- gloas- glffct- glimt-',
    /[\w.-]{20,300}/y,
    'word-like',
  ],
  // Slack tokens and webhooks.
  ['xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxe. xoxc- xoxd- xapp-', /(?=[\w%.-]{0,80}?\d{4})[\w%.-]{10,400}/y],
  ['hooks.slack.com/services/ hooks.slack.com/workflows/', /[\w/+]{24,120}/y],
  // OpenAI, Anthropic, OpenRouter, DeepSeek and others that follow them.
  ['sk-ant- sk-proj- sk-svcacct- sk-admin- sk-or-v1-', /[\w-]{20,250}/y],
  ['sk-', /[\w-]{20,250}/y, 'word-like'],
  // Google: API key, OAuth access token, OAuth client secret.
  ['AIza', /[\w-]{35}(?![\w-])/y],
  ['ya29.', /[\w-]{20,1000}/y],
  ['GOCSPX-', /[\w-]{28}/y],
  // Stripe secret and restricted keys, webhook secrets.
  ['sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_', /[A-Za-z0-9]{10,250}/y],
  ['whsec_', /[A-Za-z0-9+/=]{24,100}/y],
  // Package registries.
  ['npm_', /[A-Za-z0-9]{36}/y],
  ['pypi-', /[\w-]{50,1000}/y, 'word-like'],
  ['rubygems_', /[a-f0-9]{48}/y],
  ['dckr_pat_ dckr_oat_', /[\w-]{27,64}/y],
  // Model hubs and hosts.
  ['hf_ api_org_', /(?=[a-z0-9]{0,39}[A-Z])[A-Za-z0-9]{30,40}(?![A-Za-z0-9])/y],
  ['gsk_ r8_ xai- pplx- fw_', /[A-Za-z0-9]{30,100}/y],
  // Mail and messages.
  ['SG.', /[\w-]{20,24}\.[\w-]{39,50}/y],
  ['key-', /[a-f0-9]{32}(?![A-Za-z0-9])/y],
  ['SK', /[a-f0-9]{32}(?![A-Za-z0-9])/y],
  ['xkeysib-', /[a-f0-9]{64}-[A-Za-z0-9]{16}/y],
  // Clouds and tools.
  ['dop_v1_ doo_v1_ dor_v1_', /[a-f0-9]{64}/y],
  ['shpat_ shpca_ shppa_ shpss_', /[A-Fa-f0-9]{32}/y],
  ['dapi', /[a-f0-9]{32}(?:-\d)?(?![A-Za-z0-9])/y],
  ['hvs. hvb. hvr.', /[\w-]{24,300}/y],
  ['glsa_ glc_', /[A-Za-z0-9_+/=]{32,400}/y],
  ['lin_api_ lin_oauth_ ntn_ secret_ PMAK- NRAK- sntrys_ sntryu_', /[A-Za-z0-9_+/=-]{27,300}/y, 'word-like'],
  ['ATATT3 ATCTT3', /[\w=-]{60,300}/y],
  ['dp.pt. dp.st. dp.ct. dp.sa.', /[\w.-]{40,80}/y],
  ['sq0atp- sq0csp- EAAA', /[\w-]{22,64}(?![\w-])/y],
  ['sgp_local_ sgp_', /(?:[A-Fa-f0-9]{16}_)?[A-Fa-f0-9]{40}/y],
  ['sqp_ squ_ sqa_', /[A-Za-z0-9]{40}/y],
  ['fo1_ fm1_ fm1a_ fm1r_ fm2_', /[\w+/=-]{40,1000}/y],
  ['EAAM EAAC', /[A-Za-z0-9]{80,400}/y],
  ['ops_eyJ', /[\w-]{60,2000}/y],
  ['AGE-SECRET-KEY-1', /[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}/y],
];

export const keyFormats: readonly KeyFormat[] = issuers.flatMap(([prefixes, rest, style]) =>
  prefixes.split(' ').map((prefix) => ({ prefix, rest, isWordLike: style !== undefined })),
);
