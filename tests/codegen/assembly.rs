//! Reads assembly in AT&T syntax: functions, and the innermost loops in them.

/// A function and its innermost loops.
#[derive(Clone, Debug)]
pub struct Function {
    /// Demangled.
    pub name: String,
    pub loops: Vec<Loop>,
}

/// The instructions from the target of a backward jump to the jump.
#[derive(Clone, Debug)]
pub struct Loop {
    instructions: Vec<String>,
}

impl Loop {
    /// Instructions whose name starts with `mnemonic`.
    pub fn count(&self, mnemonic: &str) -> usize {
        self.instructions.iter().filter(|line| line.starts_with(mnemonic)).count()
    }

    /// Those of them that use a register whose name starts with `register`.
    pub fn count_both(&self, mnemonic: &str, register: &str) -> usize {
        self.instructions.iter().filter(|line| line.starts_with(mnemonic) && line.contains(register)).count()
    }

    pub fn calls(&self) -> usize {
        self.count("call")
    }

    /// Vector registers that go by way of the stack.
    pub fn spills(&self) -> usize {
        let is_vector = |line: &str| ["%xmm", "%ymm", "%zmm"].iter().any(|register| line.contains(register));
        self.instructions.iter().filter(|line| line.contains("(%rsp") && is_vector(line)).count()
    }

    /// Instructions with an operand in memory addressed from the stack pointer.
    pub fn stack_accesses(&self) -> usize {
        self.instructions.iter().filter(|line| line.contains("(%rsp")).count()
    }
}

/// Every function of an assembly file.
pub fn functions(assembly: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    let mut name = None;
    for line in assembly.lines() {
        let label = line.strip_suffix(':').filter(|label| !label.starts_with(['.', ' ', '\t', '#']));
        if let Some(label) = label {
            functions.extend(name.replace(label).map(|name| function(name, &lines)));
            lines.clear();
        } else {
            lines.push(line.trim());
        }
    }
    functions.extend(name.map(|name| function(name, &lines)));
    functions
}

fn function(name: &str, lines: &[&str]) -> Function {
    let name = format!("{:#}", rustc_demangle::demangle(name));
    let label =
        |line: &str| line.strip_suffix(':').filter(|label| label.starts_with('.')).map(str::to_string);
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(label) = label(line) {
            places.insert(label, at);
        } else if line.starts_with('j') {
            let target = line.split_whitespace().nth(1).and_then(|target| places.get(target));
            spans.extend(target.map(|&start| (start, at)));
        }
    }
    let holds_another = |&(start, end): &(usize, usize)| {
        spans.iter().any(|&(s, e)| (s, e) != (start, end) && start <= s && e <= end)
    };
    let innermost = spans.iter().filter(|span| !holds_another(span));
    let instructions = |&(start, end): &(usize, usize)| {
        let is_instruction = |line: &&&str| !line.ends_with(':') && !line.starts_with(['.', '#']);
        lines[start..=end].iter().filter(is_instruction).map(|line| line.to_string()).collect()
    };
    Function { name, loops: innermost.map(|span| Loop { instructions: instructions(span) }).collect() }
}
