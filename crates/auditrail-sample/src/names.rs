//! Names in the sample, all of them fictitious.

/// Organizations: tenant id, mail domain, office address.
pub(crate) const TENANTS: [(&str, &str, &str); 2] =
    [("lumen", "lumen.example", "192.0.2.10"), ("harbor", "harbor.example", "192.0.2.140")];

/// Minutes east of UTC, without daylight saving time.
pub(crate) const BERLIN: i32 = 60;
const LONDON: i32 = 0;
const NEW_YORK: i32 = -240;
const SAN_FRANCISCO: i32 = -420;
const SAO_PAULO: i32 = -180;
const BENGALURU: i32 = 330;
const TOKYO: i32 = 540;

/// People, busiest first: id, tenant, minutes east of UTC.
pub(crate) const PEOPLE: [(&str, usize, i32); 40] = [
    ("maya.okafor", 0, BERLIN),
    ("tomas.novak", 0, BERLIN),
    ("priya.raman", 0, BENGALURU),
    ("ellen.fischer", 1, BERLIN),
    ("dario.conti", 0, LONDON),
    ("grace.whitfield", 0, NEW_YORK),
    ("kenji.mori", 1, TOKYO),
    ("ana.ribeiro", 0, SAO_PAULO),
    ("samuel.adeyemi", 0, LONDON),
    ("lucas.ferreira", 1, SAO_PAULO),
    ("nora.lindqvist", 0, BERLIN),
    ("owen.gallagher", 0, SAN_FRANCISCO),
    ("sofia.marchetti", 1, LONDON),
    ("arjun.desai", 0, BENGALURU),
    ("hannah.vogel", 0, BERLIN),
    ("miguel.santos", 1, NEW_YORK),
    ("yuki.tanaka", 0, TOKYO),
    ("claire.dubois", 0, BERLIN),
    ("peter.jansen", 1, BERLIN),
    ("olivia.hart", 0, SAN_FRANCISCO),
    ("ravi.kulkarni", 0, BENGALURU),
    ("emma.sorensen", 1, BERLIN),
    ("jonas.weber", 0, BERLIN),
    ("leila.haddad", 0, LONDON),
    ("marcus.reid", 1, NEW_YORK),
    ("ines.carvalho", 0, LONDON),
    ("daniel.kowalski", 0, BERLIN),
    ("ruth.abebe", 0, LONDON),
    ("victor.hansen", 1, BERLIN),
    ("julia.pereira", 0, SAO_PAULO),
    ("anton.petrov", 0, BERLIN),
    ("fiona.mccabe", 1, LONDON),
    ("hugo.laurent", 0, BERLIN),
    ("mei.lin", 0, SAN_FRANCISCO),
    ("carlos.medina", 1, NEW_YORK),
    ("alice.bennett", 0, LONDON),
    ("erik.halvorsen", 0, BERLIN),
    ("tara.nair", 1, BENGALURU),
    ("ben.osei", 0, LONDON),
    ("lena.kraus", 0, BERLIN),
];

/// API keys, busiest first: purpose, tenant.
pub(crate) const KEYS: [(&str, usize); 12] = [
    ("deploy", 0),
    ("ci", 0),
    ("deploy", 1),
    ("terraform", 0),
    ("ci", 1),
    ("metrics", 0),
    ("backup", 0),
    ("billing-sync", 1),
    ("preview-environments", 0),
    ("status-page", 0),
    ("etl", 1),
    ("support-console", 0),
];

/// Device of a person: the browser, then the command line.
pub(crate) const DEVICES: [(&str, &str); 4] = [
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Safari/605.1.15",
        "planectl/3.2.1 (darwin; arm64)",
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:136.0) Gecko/20100101 Firefox/136.0",
        "planectl/3.2.0 (linux; amd64)",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36",
        "planectl/3.1.4 (windows; amd64)",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36",
        "planectl/3.2.1 (darwin; arm64)",
    ),
];

/// Projects, busiest first; later ones repeat a name with a number.
pub(crate) const PROJECTS: [&str; 24] = [
    "checkout-api",
    "storefront",
    "identity",
    "payments",
    "catalog",
    "search",
    "ledger",
    "notifications",
    "warehouse",
    "pricing",
    "mobile-gateway",
    "reporting",
    "inventory",
    "media",
    "partner-portal",
    "experiments",
    "fraud-rules",
    "mail-relay",
    "returns",
    "loyalty",
    "design-docs",
    "data-lake",
    "on-call",
    "sandbox",
];

/// Secrets of projects, most common first.
pub(crate) const SECRETS: [&str; 16] = [
    "DATABASE_URL",
    "STRIPE_API_KEY",
    "SESSION_KEY",
    "REDIS_URL",
    "SMTP_PASSWORD",
    "JWT_SIGNING_KEY",
    "OAUTH_CLIENT_SECRET",
    "SENTRY_DSN",
    "S3_ACCESS_KEY",
    "WEBHOOK_SECRET",
    "ENCRYPTION_KEY",
    "GITHUB_TOKEN",
    "SLACK_WEBHOOK",
    "KAFKA_PASSWORD",
    "TLS_PRIVATE_KEY",
    "LICENSE_KEY",
];

/// Regions projects run in, most used first.
pub(crate) const REGIONS: [&str; 5] =
    ["eu-central-1", "us-east-1", "eu-west-1", "ap-south-1", "us-west-2"];

/// Roles in the order of their privileges.
pub(crate) const ROLES: [&str; 4] = ["viewer", "developer", "maintainer", "admin"];

/// Teams of every organization.
pub(crate) const TEAMS: [&str; 6] =
    ["platform", "payments", "storefront", "data", "security", "support"];
