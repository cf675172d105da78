//! Parses Sipuni's table of calls: cells separated by `;`, quoted if needed, columns found by their titles
//! (sheet, 5.2). The meaning of cells is in `statistics`. Enter at [`Table::read`].

/// The complete rows, and the number of incomplete ones.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
    columns: Columns,
    pub torn: usize,
}

/// The cells of one call that we read.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub kind: &'a str,
    pub status: &'a str,
    pub begun: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    /// Who answered; empty if nobody did.
    pub who: &'a str,
    /// Lengths of the whole call and of its talk.
    pub whole: &'a str,
    pub talk: &'a str,
    pub id: &'a str,
}

/// The positions of the columns, which depend on the cabinet's settings.
#[derive(Debug)]
struct Columns {
    kind: usize,
    status: usize,
    begun: usize,
    from: usize,
    to: usize,
    who: Option<usize>,
    whole: usize,
    talk: usize,
    id: usize,
}

impl Table {
    /// The error names the first column that is missing.
    pub fn read(text: &str) -> Result<Self, String> {
        let (mut rows, mut torn) = cells(text.trim_start_matches('\u{feff}'));
        let head = if rows.is_empty() { Vec::new() } else { rows.remove(0) };
        let columns = Columns::of(&head)?;
        let all = rows.len();
        rows.retain(|row| row.len() == head.len());
        torn += all - rows.len();
        Ok(Self { rows, columns, torn })
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let at = &self.columns;
        self.rows.iter().map(|row| Row {
            kind: &row[at.kind],
            status: &row[at.status],
            begun: &row[at.begun],
            from: &row[at.from],
            to: &row[at.to],
            who: at.who.map_or("", |who| &row[who]),
            whole: &row[at.whole],
            talk: &row[at.talk],
            id: &row[at.id],
        })
    }
}

impl Columns {
    fn of(head: &[String]) -> Result<Self, String> {
        // Titles vary after their beginning; another column also begins with «Время».
        let find = |title: &str| {
            let whole = head.iter().position(|have| have == title);
            whole.or_else(|| head.iter().position(|have| have.starts_with(title)))
        };
        let need =
            |title: &str| find(title).ok_or_else(|| format!("the statistics have no column «{title}»"));
        Ok(Self {
            kind: need("Тип")?,
            status: need("Статус")?,
            begun: need("Время")?,
            from: need("Откуда")?,
            to: need("Куда")?,
            who: find("Кто ответил").or_else(|| find("Кто разговаривал")),
            whole: need("Длительность звонка")?,
            talk: need("Длительность разговора")?,
            id: need("ID записи")?,
        })
    }
}

/// Rows with trimmed cells, without empty lines; and 1 if a quote is never closed, whose row is dropped.
fn cells(text: &str) -> (Vec<Vec<String>>, usize) {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => cell.extend(letters.next()),
            '"' => quoted = !quoted,
            ';' if !quoted => row.push(take(&mut cell)),
            '\n' if !quoted => {
                row.push(take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            letter => cell.push(letter),
        }
    }
    row.push(take(&mut cell));
    if !quoted {
        rows.push(row);
    }
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    (rows, usize::from(quoted))
}

fn take(cell: &mut String) -> String {
    std::mem::take(cell).trim().to_owned()
}
