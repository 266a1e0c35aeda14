// Lives the life of a service and says what was seen of it.

const MILLISECONDS_MAX = 60_000;
setTimeout(() => {
  console.error("it does not end");
  process.exit(1);
}, MILLISECONDS_MAX).unref();

const all = async (list) => {
  const items = [];
  for await (const item of await list) items.push(item);
  return items;
};

const statusOf = async (work) => {
  try {
    await work();
    return 200;
  } catch (error) {
    return error.status ?? error.response?.status ?? String(error);
  }
};

export async function tell(lives, service) {
  const life = lives[service];
  const made = await life.create();
  const id = life.id(made);
  const read = await life.read(id);
  const seen = {
    made: life.name(made),
    read: life.name(read),
    listed: (await all(life.list())).map(life.name),
    again: await statusOf(life.create),
    changed: life.change ? life.name(await life.change(id)) : null,
  };
  await life.remove(id);
  seen.left = (await all(life.list())).length;
  seen.gone = await statusOf(() => life.read(id));
  console.log(JSON.stringify(seen));
}
