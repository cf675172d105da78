// n8n-nodes-getcourse: its nodes are executed as n8n would, with parameters, credentials and an HTTP helper given here.
const { GetCourse } = require('n8n-nodes-getcourse/dist/nodes/GetCourse/GetCourse.node.js');
const { GetCourseLegacy } = require('n8n-nodes-getcourse/dist/nodes/GetCourseLegacy/GetCourseLegacy.node.js');
const { expect, tried, pause } = require('../tried.js');

const credentials = {
  accountMode: 'subdomain', subdomain: 'rost', domain: 'getcourse.ru', requestsPerSecond: 5, exportRequestsPerHour: 45,
  schoolApiKey: process.env.DEMO_GETCOURSE_SCHOOL_KEY, developerApiKey: process.env.DEMO_GETCOURSE_DEVELOPER_KEY,
};

// n8n's own helper does the same over axios: a query from `qs`, a JSON body unless it is text.
async function httpRequest({ method = 'GET', baseURL = '', url, qs, body, headers = {} }) {
  const address = new URL(baseURL + url);
  const add = (name, value) => typeof value === 'object'
    ? Object.entries(value).forEach(([key, inner]) => add(`${name}[${key}]`, inner))
    : address.searchParams.append(name, value);
  Object.entries(qs ?? {}).forEach(([name, value]) => add(name, value));
  const isJson = body !== undefined && typeof body !== 'string';
  const response = await fetch(address, {
    method, redirect: 'manual', body: isJson ? JSON.stringify(body) : body,
    headers: { ...(isJson && { 'Content-Type': 'application/json' }), ...headers },
  });
  const text = await response.text();
  let data = text;
  try { data = JSON.parse(text); } catch { /* a page */ }
  return { statusCode: response.status, headers: Object.fromEntries(response.headers), body: data };
}

const defaults = (node, resource, operation) => Object.fromEntries(node.description.properties
  .filter(({ displayOptions: { show = {} } = {} }) =>
    (show.resource ?? [resource]).includes(resource) && (show.operation ?? [operation]).includes(operation))
  .map(({ name, default: value }) => [name, value]));

async function run(node, resource, operation, given = {}) {
  const parameters = { ...defaults(node, resource, operation), ...given, resource, operation };
  const self = {
    getInputData: () => [{ json: {} }],
    getNodeParameter: (name, _index, fallback) => parameters[name] ?? fallback,
    getCredentials: async () => credentials,
    getNode: () => ({ name: node.description.displayName, type: 'strangers', credentials: {} }),
    getTimezone: () => 'Europe/Moscow',
    continueOnFail: () => false,
    helpers: { httpRequest, returnJsonArray: (items) => [].concat(items).map((json) => ({ json })) },
  };
  const [items] = await node.execute.call(self);
  return items.map(({ json }) => json);
}

const tech = new GetCourse();
const legacy = new GetCourseLegacy();
const ORDER = { dealId: '700100200' };
const PERSON = { identifyBy: 'userId', userId: '400300100' };
const today = new Date(Date.now() - 86400000).toISOString().slice(0, 10);
let group;

const steps = {
  async 'import: a user is added, then updated'() {
    const given = { email: 'stranger@example.com', phone: '+79035550170' };
    const [made] = await run(legacy, 'user', 'import', { ...given, additionalFields: { first_name: 'Илья' },
      groupsUi: { entry: [{ name: 'Пробная' }] } });
    expect(made.user_id, JSON.stringify(made));
    await run(legacy, 'user', 'import', { ...given, additionalFields: { first_name: 'Илья', refresh_if_exists: true } });
  },
  async 'import: an order by offer'() {
    const [made] = await run(legacy, 'deal', 'import', { email: 'stranger@example.com', offer_id: '5512874', deal_cost: 100 });
    expect(made.deal_id, JSON.stringify(made));
  },
  async 'import: an order by offer code with a cost'() {
    const [made] = await run(legacy, 'deal', 'import', { email: 'stranger@example.com', offer_code: '5512875', deal_cost: 100 });
    expect(made.deal_id, JSON.stringify(made));
  },
  async 'import: the status of an order'() {
    await run(legacy, 'deal', 'setStatus', { email: 'm.kuznetsova@example.ru', deal_number: '12041', deal_status: 'in_work' });
    const [order] = await run(tech, 'deal', 'get', ORDER);
    expect(JSON.stringify(order).includes('in_work'), JSON.stringify(order).slice(0, 200));
  },
  async 'groups of the account'() {
    const groups = await run(legacy, 'group', 'getAll');
    group = groups[0]?.id;
    expect(group, 'no groups');
  },
  async 'fields of the account'() {
    expect(Array.isArray(await run(legacy, 'field', 'getAll')), 'no list');
  },
  async 'export: users'() {
    const rows = await exported('users', { userFilters: { createdFrom: today } });
    expect(rows.length >= 1, `${rows.length} rows`);
  },
  async 'export: orders'() {
    const rows = await exported('deals', { dealFilters: { createdFrom: today } });
    expect(rows.length >= 1, `${rows.length} rows`);
  },
  async 'export: payments'() {
    await exported('payments', { paymentFilters: { createdFrom: today } });
  },
  async 'export: members of a group'() {
    const rows = await exported('groupUsers', { groupId: String(group), groupUserFilters: { addedFrom: today } });
    expect(rows.length >= 1, `${rows.length} rows`);
  },
  async 'Tech API: an order, its fields, comments, calls'() {
    for (const read of ['get', 'getCustomFields', 'getComments', 'getCalls', 'getCancelReasons']) await run(tech, 'deal', read, ORDER);
  },
  async 'Tech API: an order is updated and commented'() {
    await run(tech, 'deal', 'update', { ...ORDER, updateFields: { status: 'in_work' } });
    await run(tech, 'deal', 'addComment', { ...ORDER, authorId: '400300901', text: 'из чужой программы' });
    const comments = JSON.stringify(await run(tech, 'deal', 'getComments', ORDER));
    expect(comments.includes('из чужой программы'), comments.slice(0, 200));
  },
  async 'Tech API: positions are added'() {
    await run(tech, 'deal', 'addPositions', { ...ORDER, positionsUi: { position: [{ offerId: '5512875', quantity: 1 }] } });
  },
  async 'Tech API: a user, groups, orders, purchases, trainings'() {
    for (const read of ['get', 'getGroups', 'getDeals', 'getPurchases', 'getTrainings']) await run(tech, 'user', read, PERSON);
  },
  async 'Tech API: a user is updated'() {
    await run(tech, 'user', 'update', { ...PERSON, updateFields: { city: 'Пермь' } });
    const [user] = await run(tech, 'user', 'get', PERSON);
    expect(JSON.stringify(user).includes('Пермь'), JSON.stringify(user).slice(0, 200));
  },
  async 'Tech API: a user joins a group'() {
    await run(tech, 'user', 'addToGroups', { ...PERSON, groups: [group] });
    const groups = JSON.stringify(await run(tech, 'user', 'getGroups', PERSON));
    expect(groups.includes(String(group)), groups.slice(0, 200));
  },
  async 'Tech API: offers'() {
    expect((await run(tech, 'offer', 'getMany')).length >= 1, 'no offers');
    await run(tech, 'offer', 'get', { offerId: '5512874' });
  },
  async 'Tech API: groups of the school'() {
    await run(tech, 'school', 'getGroups');
  },
  async 'Tech API: managers of the school'() {
    await run(tech, 'school', 'getManagers');
  },
  async 'Tech API: departments of the school'() {
    await run(tech, 'school', 'getDepartments');
  },
  async 'Tech API: trainings of the school'() {
    await run(tech, 'school', 'getTrainings');
  },
  async 'Tech API: a webhook is subscribed and unsubscribed'() {
    const hook = { event: '2:3', url: 'https://rost.example/hook' };
    await run(tech, 'webhook', 'subscribe', hook);
    await run(tech, 'webhook', 'unsubscribe', hook);
  },
};

async function exported(dataset, filters) {
  const [{ export_id: exportId }] = await run(legacy, 'export', 'start', { dataset, ...filters });
  for (let i = 0; i < 8; i++) {
    await pause(6000);
    const [{ ready }] = await run(legacy, 'export', 'checkStatus', { exportId });
    if (ready) return run(legacy, 'export', 'getResult', { exportId });
  }
  throw new Error('the export is not ready within a minute');
}

(async () => {
  for (const [what, call] of Object.entries(steps)) {
    await pause(300);
    await tried(what, call);
  }
})();
